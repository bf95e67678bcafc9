import { expect, test } from "vitest";
import { signedHeaders } from "../../../providers/route53/signature.ts";

/** Of Amazon's own test suite for Signature Version 4. */
const KEY = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const SCOPE = { region: "us-east-1", service: "service", at: new Date("2015-08-30T12:36:00Z") };

test.each([
	[
		"GET",
		"https://example.amazonaws.com/",
		null,
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
	],
	[
		"GET",
		"https://example.amazonaws.com/?Param2=value2&Param1=value1",
		null,
		"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
	],
	[
		"POST",
		"https://example.amazonaws.com/",
		null,
		"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
	],
] as const)("%s %s is signed as Amazon's own test says", (method, url, body, signature) => {
	expect(signedHeaders({ method, url, body }, KEY, SCOPE)).toEqual({
		"x-amz-date": "20150830T123600Z",
		authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
	});
});

test("the content, the order of the query and characters beyond the unreserved ones are covered", () => {
	const sign = (url: string, body: string | null) =>
		signedHeaders({ method: "GET", url: `https://example.amazonaws.com/${url}`, body }, KEY, SCOPE)[
			"authorization"
		];
	expect(sign("?a=1&b=2", null)).toBe(sign("?b=2&a=1", null));
	expect(sign("?a=*", null)).toBe(sign("?a=%2A", null));
	expect(sign("", "one")).not.toBe(sign("", "other"));
});
