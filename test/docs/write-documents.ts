/** `npm run docs`: writes the documents that are made from the code. */

import { writeFile } from "node:fs/promises";
import { madeDocuments } from "./documents.ts";

for (const { path, found, expected } of await madeDocuments())
	if (found !== expected) await writeFile(path, expected);
