import { expect, test } from "vitest";
import { madeDocuments } from "./documents.ts";

test("the JSON schema and the table in README.md are those of the code (npm run docs writes them)", async () => {
	const documents = await madeDocuments();
	expect(documents).toHaveLength(2);
	for (const { path, found, expected } of documents) expect(found, path).toBe(expected);
});
