/** Sources that more than one entry cites. */
export const LORA_PAPER = 'Hu et al., LoRA, 2021, arXiv:2106.09685';
export const PEFT = 'PEFT documentation, LoraConfig';
