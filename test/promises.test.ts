import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** Test files, each with the titles of those tests that hold the promise. */
type Held = Readonly<Record<string, readonly string[]>>;

/** README.md tells the promises, ARCHITECTURE.md says where they are kept, and this says what holds them. */
const HELD: Readonly<Record<string, Held>> = {
	"1 never unverifiable": {
		"test/simulation/simulation.test.ts": [
			"keeps its promises over ten thousand turns with trouble of every kind",
		],
		"test/e2e/turn.test.ts": ["over %s connections"],
		"test/e2e/slow-secondary.test.ts": [
			"the old key signs until the last server has the record, and then the new one does",
		],
		"test/agent/agent.test.ts": ["is not done while a server is wrong, and the old key goes on signing"],
		"test/dns/propagation.test.ts": [
			"is right at every address and at the resolver",
			"one address timing out beside a good one is a warning, a wrong answer from it blocks",
			"of the parent's delegation and the zone's own NS records are all asked",
			"is asked for at the servers above, too, while one of them knows nothing of it",
			"that remember the absence hold the verdict back until it has passed",
		],
		"test/servers/dns/from-the-top.test.ts": [
			"a zone for the keys that is loaded on one server, and delegated nowhere, is not right",
		],
		"test/agent/first-key.test.ts": ["is not switched on hope"],
		"test/e2e/first-key.test.ts": [
			"an added domain is signed from then on, and nothing else changes",
			"a removed domain is signed until then and no more; the others go on, and its record stays for grace",
		],
		"test/rotation/plan.test.ts": ["looks at the key in use when its daily look is due"],
		"test/servers/opendkim/running.test.ts": [
			"signs with the old key before, with the new one after rename and SIGUSR1",
		],
		"test/agent/together.test.ts": [
			"wait for the one whose record is not verified yet, and say for whom",
			"all stay when the record of one is gone at the last look",
		],
		"test/swap/groups.test.ts": ["goes back for all of them when the signer does not sign with it for one"],
	},
	"2 never switched on hope": {
		"test/e2e/slow-secondary.test.ts": [
			"--no-wait and --wait-max end with 3 while it is waited for, and the old key signs",
		],
		"test/agent/agent.test.ts": [
			"goes back to waiting when the look after staging finds a server wrong",
			"is not done with a key whose offline message is not signed",
		],
		"test/publishing/publisher.test.ts": [
			"a success that cannot be read back is not done, and is not tried twice",
			"no answer and nothing to be seen stays unknown, and is not written twice",
		],
		"test/dns/propagation.test.ts": [
			"%s is %s, and no verdict on the record",
			"absent name and absent record are two outcomes, and no resolver is asked for the name",
			"a look that is aborted is unknown, not absent",
		],
		"test/servers/opendkim/offline.test.ts": [
			"gives a message that verifies against the new record, and leaves nothing behind",
		],
		"test/rotation/plan.test.ts": ["is not switched to while the signer cannot be read"],
	},
	"3 never removed early": {
		"test/agent/agent.test.ts": [
			"turns a key when it is due, and removes the record of the one before after grace",
			"waits while a live table still names the key",
			"waits while the successor does not verify",
			"counts grace anew from a jump of the clock, a day at least",
		],
		"test/agent/drift.test.ts": [
			"keeps its record for grace after it was last seen, whoever takes it out again",
		],
		"test/agent/readers.test.ts": [
			"keeps its record, status says who and where, and it goes once that is gone",
			"holds old records, and says how to have them removed all the same",
		],
		"test/agent/same-record.test.ts": [
			"stays for the other when one leaves, and is %s with the last",
			"stays while the state of a domain cannot be read, and says so",
		],
		"test/rotation/plan.test.ts": [
			"is retired when grace has passed since its confirmed last use, and not before",
			"waits while its last use is not confirmed",
			"counts open connections as closed after their latest moment",
			"stays while the clock is not to be trusted",
		],
		"test/swap/swap.test.ts": [
			"deletes nothing while a table cannot be read",
			"never takes a key that has been live, though its id is given up",
		],
	},
	"4 never someone else's": {
		"test/signers/opendkim/tables.test.ts": [
			"whatever stands in the tables, a first key signs, takes no byte away, and goes without a trace",
		],
		"test/e2e/turn.test.ts": [
			"what is not keyturn's stands as it stood",
			"a name that somebody else's record stands at is not used",
		],
		"test/agent/agent.test.ts": [
			"adopts what is in use, touches nothing, and then has nothing to do",
			"beside something foreign gives the name up and takes the next",
		],
		"test/publishing/publisher.test.ts": [
			"writes nothing beside what somebody else has there",
			"takes the exact value and leaves the siblings",
			"takes its own away when somebody else wrote at the same moment",
		],
		"test/signers/opendkim/key-table.test.ts": [
			"every byte of other lines, and around the key in use, survives a turn",
		],
		"test/swap/swap.test.ts": [
			"keeps every other byte of the tables",
			"never writes where a file stands that it did not make",
			"deletes a key of ours that nothing names, and no other",
			"keeps the edit, starts what ran, and says conflict",
		],
		"test/rotation/plan.test.ts": ["keeps its record for good if keyturn did not make it"],
	},
	"5 all or nothing": {
		"test/servers/cli/strikes.test.ts": [
			"%s: one in so many of its calls",
			"power: one in so many of its syncs and renames",
		],
		"test/servers/opendkim/first-key.test.ts": [
			"between the two renames, either way, mail of both domains goes as before",
		],
		"test/e2e/pause.test.ts": [
			"with agent and door dead in the middle of the pause, the services come back by themselves",
		],
		"test/e2e/rollback.test.ts": [
			"the old table and all services are back, and no message went out unsigned",
		],
		"test/simulation/planted-faults.test.ts": ["$name"],
		"test/agent/agent.test.ts": [
			"whose answer was lost is taken over from the door's result",
			"that never began is planned anew under a new id",
		],
		"test/crash/door-crash.test.ts": ["$name: the door dies", "$name: the power goes"],
		"test/durable.test.ts": [
			"leaves the old or the new at every crash and power loss",
			"leaves the old or the new at every crash, and the old beside the new",
		],
		"test/state/power-loss.test.ts": [
			"whatever the crash, the next run reads whole documents and everything that was confirmed",
		],
		"test/swap/swap.test.ts": [
			"puts all back when the signer does not come up with the new table",
			"goes on owing the start of a mail server that does not start",
			"leaves nothing when the disk is full",
			"give the same result whenever they come again, and act once",
		],
		"test/e2e/units.test.ts": [
			"recovery runs at boot before the signer and the mail server, and neither waits for it for ever",
		],
	},
	"6 never readable": {
		"test/e2e/door-attack.test.ts": [
			"reads no key and writes to no file of the signer, the door and root",
			"changes no byte, owner or mode",
		],
		"test/system/key-store.test.ts": [
			"keeps a key 0600 below directories 0700 and makes it once, whatever is asked later",
			"a damaged key is told, never replaced, and not shown",
		],
		"test/swap/swap.test.ts": [
			"places the key 0600, the signer's, in a directory of the signer alone",
			"refuses a key that does not match its record, without telling the key",
		],
		"test/swap/planted-links.test.ts": [
			"that takes the directory's place while the door is at work: no byte and no owner goes along",
		],
		"test/system/planted-links.test.ts": [
			"is not made through a link %s",
			"is not kept where others may put something",
		],
		"test/durable.test.ts": ["sets the owner before the first byte and the mode asked for"],
		"test/system/programs.test.ts": ["passes PATH, LANG and what was given, nothing else"],
		"test/providers/rfc2136/provider.test.ts": [
			"no message holds the secret, and no value is anything but data",
		],
		"test/settings/parse-settings.test.ts": ["is in no fault: %s"],
		"test/servers/cli/key-modes.test.ts": [
			"keys are 0600 from the first byte, their owner's before it, in directories that nobody else may enter",
		],
		"test/servers/cli/secrets.test.ts": [
			"in a whole turn, to no child and to no other host",
			"when a server refuses, a secret is unreadable or a key damaged",
			"when keyturn.yaml has it written out, or cannot be read at all",
		],
		"test/alerts/alerts.test.ts": [
			"that answers anything but 2xx is not delivered, and its path is not told",
		],
		"test/servers/alerts/mailer.test.ts": [
			"a server that repeats what it was sent has no password told (AUTH %s)",
		],
		"test/publishing/api/client.test.ts": [
			"of a credential that an answer (%i) repeats nothing is told, wherever its words are cut",
		],
		"test/signers/rspamd/redis-protocol.test.ts": ["no error repeats what was said to Redis: %j"],
	},
	"7 one domain's trouble is its own": {
		"test/agent/agent.test.ts": [
			"of several domains is one commit, and leaves behind the one that the door refuses",
			"leaves a domain alone whose state is damaged, and goes on with the others",
		],
		"test/publishing/publisher.test.ts": ["one occupied, one too long: the others are done, in order"],
		"test/publishing/api/outcome.test.ts": ["%s to a batch is the trouble of those that meet it alone"],
		"test/swap/swap.test.ts": ["takes back only the lines of a key that does not sign"],
		"test/servers/providers/rfc2136.test.ts": [
			"lets key records through, and one refused name keeps none of the others",
		],
	},
	"8 never silent": {
		"test/servers/cli/strikes.test.ts": ["fail: those that were not told well"],
		"test/agent/agent.test.ts": [
			"that the provider denies is told once for all domains, and does not disturb the keys in use",
			"keeps what cannot be delivered, across restarts too, and delivers it later",
		],
		"test/agent/publish.test.ts": [
			"has a compromised key's record emptied there at once, and tells and tries until it is at the host of before",
		],
		"test/rotation/plan.test.ts": ["waits for the window", "waits out what a rollback asked for"],
		"test/dns/propagation.test.ts": ["every outcome has a sentence of its own"],
		"test/settings/parse-settings.test.ts": [
			"five mistakes are five faults, each with its place, rule, value and consequence",
		],
		"test/alerts/alerts.test.ts": ["that fails is not delivered, and what it said is told"],
	},
};

describe("every promise is held by tests that are there", () => {
	for (const [promise, files] of Object.entries(HELD))
		test.each(Object.entries(files))(`${promise}: %s`, (path, titles) => {
			expect(existsSync(path), path).toBe(true);
			const found = titlesOf(readFileSync(path, "utf8"));
			expect(titles.length).toBeGreaterThan(0);
			expect(titles.filter((title) => !found.has(title))).toEqual([]);
		});

	test("README.md tells as many, in this order", () => {
		const told = [...readFileSync("README.md", "utf8").matchAll(/^([1-8])\. \*\*/gm)].map(
			(match) => match[1],
		);
		expect(told).toEqual(Object.keys(HELD).map((promise) => promise[0]));
	});

	test("ARCHITECTURE.md says of each where it is kept", () => {
		const text = readFileSync("ARCHITECTURE.md", "utf8");
		expect(Object.keys(HELD).filter((promise) => !text.includes(`| ${promise} |`))).toEqual([]);
	});
});

/** Of tests and of tables of tests: the first argument of a call that goes on with a function. */
function titlesOf(text: string): ReadonlySet<string> {
	const calls = text.matchAll(/\(\s*"((?:[^"\\]|\\.)+)",\s*(?:\{[^}]*\},\s*)?(?:async )?\(/g);
	return new Set([...calls].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1")));
}
