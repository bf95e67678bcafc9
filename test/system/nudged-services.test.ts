import { describe, expect, it } from "vitest";
import type { Services } from "../../src/ports/services.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { nudgeStops } from "../../src/system/nudged-services.ts";

const clock = createSystemClock();

describe("a service that notices its stop at the next connection only", () => {
	it("is nudged until it has stopped, also if a nudge fails", async () => {
		const signer = stopsAfter(3);
		await signer.services.stop("opendkim", ["opendkim.service"]);
		expect(signer.nudges()).toBe(3);
	});

	it("is not nudged when there is nothing to stop, nor is any other service", async () => {
		const signer = stopsAfter(0);
		await signer.services.stop("opendkim", []);
		await signer.services.stop("postfix", ["postfix@-.service"]);
		expect(signer.nudges()).toBe(0);
		expect(signer.stopped).toEqual(["opendkim", "postfix"]);
	});

	it("fails as the stop itself fails", async () => {
		const signer = stopsAfter(1, new Error("does not stop"));
		await expect(signer.services.stop("opendkim", ["opendkim.service"])).rejects.toThrow("does not stop");
	});
});

/** Every nudge but the last fails, as a connection does that is cut. */
function stopsAfter(wanted: number, failure: Error | null = null) {
	let count = 0;
	let notice: () => void = () => {};
	const noticed = new Promise<void>((resolve) => {
		notice = resolve;
	});
	const stopped: string[] = [];
	const bare = {
		stop: async (service: string) => {
			stopped.push(service);
			if (wanted > 0) await noticed;
			if (failure !== null) throw failure;
		},
	} as unknown as Services;
	const nudge = async () => {
		count += 1;
		if (count < wanted) throw new Error("connection closed");
		notice();
	};
	return { services: nudgeStops(bare, clock, new Map([["opendkim", nudge]])), nudges: () => count, stopped };
}
