/* The theme that was chosen, before anything is drawn. A file of its own: the page's policy allows no inline script. */
try {
  const theme = localStorage.getItem('graft-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is refused: the page follows the system.
}
