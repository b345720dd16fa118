/** Hands a file to the person. */
export function saveFile(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The download holds the blob by now; a minute is long even for a slow disk.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
