/** The chat, for tests of other screens. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { goTo, WAIT } from './looks.ts';

/** Begins a conversation with a question, and waits for the answers of both sides. */
export async function askAnew(page: Page, question: string): Promise<string[]> {
  await goTo(page, 'use');
  const anew = page.getByRole('button', { name: 'New conversation' });
  if (await anew.isEnabled()) await anew.click();
  await page.getByLabel('Prompt for both').fill(question);
  await page.keyboard.press('Enter');
  const turn = page.getByRole('article').last();
  await expect.poll(() => turn.getByText(/tokens\/s/).count(), WAIT).toBe(2);
  return turn.locator('.text').allInnerTexts();
}
