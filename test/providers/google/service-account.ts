/** A key of a service account that opens nothing: RSA with 1,024 bits, made for the tests. */

import { createPublicKey } from "node:crypto";

const PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAN8ZfC/VE+AEn2Bl
YJ9K4ESeYxsvnCsCHO6z7k0TZJGFyCO71rCzBnbogzIHgtCEwA99+koCjcLRSk9T
A0mXtD+cAWB6uNp/KjabktdBMHhfR3FPLJ+J6ZQ7Uxt+3DVAlF5nkjyLongSngfv
32mxEk4beSj33/irpYLYMaaNGi9xAgMBAAECgYABMsHX/+z7Zwr0GZdLQ7uwoqkl
nDvaf0hof87n2xLPNUi96GRezpdaTCVoP2IUfKILc0HE4/6e7UDY7Dk4S/hL3Jgy
Gn4dcn+kualNfvZ3bTBeDI3SQXa1NOSH2bCfxy1bbcaBl/k0eTlP+cS0YY8jScHS
RJ6K1mmuWCtB1LqPgQJBAP4kmFIbzYryaz424RCQed1xkSRxa250750hgl4Q/Y5a
Fd3qSleZfPKnFOaPwM2iNQGdw/QQoZvu52lhPCmpzzsCQQDgutHXAADfD6GwP3vQ
pvvZQhDzjYYU78q6BWvgcuCRZu78nMTDdErQHs3i/40PbJKhxwM9ZwIAymuKvYGr
4alDAkA8h4jD3Z1Z350NR1LZeB+eT2MrU9wrhaxgN0/uiYtqcShOH3QvYv4waP0A
YPKhx2VqiiHWqnNjSUZSgfcrUSdrAkEArKAVLJg+ExqI00AQtfhvITZUmyGtS0vf
aAFeGm1j/40YK0epBZLBHRlsgeBX1O9Lu6WJ4ZLMwRq8fTiQ8R1IzQJAFUanbbN7
3F7o8yUmpCwONHfNr2g4BfKLWDDUUwKPDr+xH3u4dyIZd2M/xs8awHo94SlBx8aj
9a8e/61V3XMyaA==
-----END PRIVATE KEY-----
`;

export const PUBLIC_KEY = String(createPublicKey(PRIVATE_KEY).export({ format: "pem", type: "spki" }));

/** As the file that Google makes; its private key may get into no message. */
export const KEY_FILE = JSON.stringify({
	type: "service_account",
	project_id: "zones-of-the-tests",
	private_key_id: "1f2e3d",
	private_key: PRIVATE_KEY,
	client_email: "keyturn@zones-of-the-tests.iam.gserviceaccount.com",
	token_uri: "https://elsewhere.invalid/token",
});

/** What of it must never be told. */
export const KEY_LINES: readonly string[] = PRIVATE_KEY.split("\n").filter((line) =>
	/^[\w+/=]{16,}$/.test(line),
);
