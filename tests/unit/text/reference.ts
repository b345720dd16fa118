/** A file of ../shared/reference/tokenizers. */
export interface TokenizerReference {
  texts: { text: string; ids: number[]; with_special: number[]; decoded: string }[];
  chats: {
    messages: { role: string; content: string }[];
    rendered: string;
    generation_prompt: string;
    ids: number[];
  }[];
}
