// Reads Markdown pages with the parser that many editors use, and Mermaid blocks with Mermaid itself.
//
// usage: node pages.mjs MODULES [--pictures] <paths, as a JSON array   (MODULES: where npm installed them)
//
// Writes, for each page: what its links lead to, its headings, its code, and with --pictures what Mermaid says of each.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.argv[2] + '/');
const load = (name) => import(pathToFileURL(require.resolve(name)));

const { marked } = await load('marked');

// Mermaid wants a browser's document, and takes seconds to load.
async function loadMermaid() {
  const { JSDOM } = require('jsdom');
  const { window } = new JSDOM('');
  Object.assign(globalThis, { window, document: window.document });
  const { default: mermaid } = await load('mermaid');
  mermaid.initialize({ startOnLoad: false });
  return mermaid;
}

// The limit of arrows is kept by the parser; that of characters by the painter, which needs more of a browser.
async function refusal(mermaid, picture) {
  const { maxTextSize } = mermaid.mermaidAPI.defaultConfig;
  if (picture.length > maxTextSize) {
    return `it has ${picture.length} characters, and Mermaid draws ${maxTextSize}`;
  }
  try {
    await mermaid.parse(picture);
    return null;
  } catch (error) {
    return String(error.message ?? error);
  }
}

const mermaid = process.argv[3] === '--pictures' ? await loadMermaid() : null;
const pages = [];
for (const path of JSON.parse(readFileSync(0, 'utf8'))) {
  const tokens = marked.lexer(readFileSync(path, 'utf8'));
  const page = { path, links: [], headings: [], code: [], pictures: [] };
  marked.walkTokens(tokens, (token) => {
    if (token.type === 'link' || token.type === 'image') page.links.push(token.href);
    if (token.type === 'heading') page.headings.push(token.text);
    if (token.type === 'code') page.code.push({ language: token.lang ?? '', text: token.text });
  });
  for (const { language, text } of page.code) {
    if (mermaid && language === 'mermaid') page.pictures.push(await refusal(mermaid, text));
  }
  pages.push(page);
}
process.stdout.write(JSON.stringify(pages));
