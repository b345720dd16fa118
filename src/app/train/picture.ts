/** A chart as a picture of its own: on the page's ground, under its title. */
interface Caption {
  readonly title: string;
  readonly words: string;
  readonly colour: (name: string) => string;
  readonly fontFamily: string;
}

const HEAD_PX = 64;
const PAD_PX = 16;

export function chartPicture(
  chart: HTMLCanvasElement,
  { title, words, colour, fontFamily }: Caption,
): Promise<Blob> {
  const canvas = document.createElement('canvas');
  const scale = devicePixelRatio;
  canvas.width = chart.width + 2 * PAD_PX * scale;
  canvas.height = chart.height + (HEAD_PX + PAD_PX) * scale;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser gives no canvas.');
  context.fillStyle = colour('paper');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colour('ink');
  context.font = `600 ${15 * scale}px ${fontFamily}`;
  context.fillText(title, PAD_PX * scale, 26 * scale);
  context.fillStyle = colour('ink-pale');
  context.font = `${12 * scale}px ${fontFamily}`;
  context.fillText(words, PAD_PX * scale, 46 * scale);
  context.drawImage(chart, PAD_PX * scale, HEAD_PX * scale);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('No picture came out.')))),
  );
}
