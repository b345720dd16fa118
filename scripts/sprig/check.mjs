// Compares the tokenizer and chat template as JavaScript runs them with what Python made of the same texts.
//   node check.mjs <model folder> <cases.json>     (cases: {texts: [{text, ids, decoded}], chats: [{messages, prompt, rendered}]})
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';

const [, , folder, casesPath] = process.argv;
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const config = json(join(folder, 'tokenizer_config.json'));
const tokenizer = new Tokenizer(json(join(folder, 'tokenizer.json')), config);
const template = new Template(config.chat_template);
const { texts, chats } = json(casesPath);
let wrong = 0;
for (const { text, ids, decoded } of texts) {
  const mine = tokenizer.encode(text, { add_special_tokens: false }).ids;
  const back = ids.length ? tokenizer.decode(ids, { skip_special_tokens: false }) : ''; // the JavaScript decoder refuses an empty list
  if (mine.join() !== ids.join() || back !== decoded) {
    wrong += 1;
    console.log('differs:', JSON.stringify(text), mine.join(), ids.join(), JSON.stringify(back));
  }
}
for (const { messages, prompt, rendered } of chats) {
  if (template.render({ messages, add_generation_prompt: prompt }) !== rendered) {
    wrong += 1;
    console.log('template differs:', JSON.stringify(messages));
  }
}
console.log(`${texts.length} texts, ${chats.length} chats, ${wrong} differences`);
process.exit(wrong ? 1 : 0);
