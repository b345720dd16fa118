/** The title of the model: who opens one by keyboard goes on there, as what it does meanwhile stands below it. */
export function focusModel(): void {
  document.getElementById('model-title')?.focus();
}
