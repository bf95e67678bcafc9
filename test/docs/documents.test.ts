import { expect, test } from "vitest";
import { madeDocuments } from "./documents.ts";

test("what is made from the code stands as the code has it now (npm run docs writes it)", async () => {
	const documents = await madeDocuments();
	expect(documents).toHaveLength(5);
	for (const { path, found, expected } of documents) expect(found, path).toBe(expected);
});
