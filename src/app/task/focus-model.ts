/** Focuses the title of the model: a person who opened one by keyboard continues there, since its progress is shown below. */
export function focusModel(): void {
  document.getElementById('model-title')?.focus();
}
