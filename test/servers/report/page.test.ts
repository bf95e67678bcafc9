import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderPage } from "../../../src/report/page.ts";
import { eventOf, sampleLook, sampleStatus, troubleOf } from "../../report/sample.ts";
import { makeDirectory, removeDirectory } from "../program.ts";

const WORDS = '<img src=x onerror="document.title=1"> ns2 has no record';

describe("the page in Chromium", () => {
	let browser: Browser;
	let directory: string;

	beforeAll(async () => {
		directory = await makeDirectory("page");
		browser = await chromium.launch({
			executablePath: "/usr/bin/chromium",
			args: [
				"--no-sandbox",
				"--disable-gpu",
				"--disable-quic",
				"--disable-component-update",
				"--disable-sync",
			],
		});
	});

	afterAll(async () => {
		await browser.close();
		await removeDirectory(directory);
	});

	async function open(
		domains: number,
		options: { readonly width: number; readonly colorScheme?: "light" | "dark"; readonly script?: boolean },
	) {
		const names = Array.from({ length: domains }, (_, index) => `d${index}.example.com`);
		const path = join(directory, `${domains}.html`);
		const page = renderPage({
			status: sampleStatus(names, domains > 1 ? [troubleOf(WORDS, "d1.example.com")] : []),
			lookAt: (_, selector) => sampleLook(selector),
			events: [eventOf(WORDS)],
			timezone: "Europe/Berlin",
		});
		await writeFile(path, page);
		const context = await browser.newContext({
			viewport: { width: options.width, height: 900 },
			colorScheme: options.colorScheme ?? "light",
			javaScriptEnabled: options.script ?? true,
		});
		const tab = await context.newPage();
		const said: string[] = [];
		const asked: string[] = [];
		tab.on("console", (message) => said.push(message.text()));
		tab.on("pageerror", (error) => said.push(error.message));
		tab.on("request", (request) => asked.push(request.url()));
		await tab.goto(pathToFileURL(path).href);
		return { tab, said, asked, url: pathToFileURL(path).href, end: async () => context.close() };
	}

	test.each([
		["one domain, wide and light", 1, { width: 1200, colorScheme: "light" }],
		["one domain, narrow and dark", 1, { width: 360, colorScheme: "dark" }],
		["200 domains, wide and dark", 200, { width: 1200, colorScheme: "dark" }],
		["200 domains, narrow and light", 200, { width: 360, colorScheme: "light" }],
	] as const)(
		"%s: nothing that axe-core or the console complains of, nothing wider than the window",
		async (_, domains, how) => {
			const { tab, said, asked, url, end } = await open(domains, how);
			// The page's own policy lets no script in; the browser's evaluation is not bound by it.
			await tab.evaluate(axe.source);
			const broken = await tab.evaluate(
				"axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id }) => id))",
			);
			expect(broken).toEqual([]);
			expect(said).toEqual([]);
			expect(asked).toEqual([url]);
			expect(await tab.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
			await end();
		},
	);

	test("a link to a domain unfolds it", async () => {
		const { tab, end } = await open(200, { width: 1200 });
		expect(await tab.locator("#d7").getAttribute("open")).toBeNull();
		await tab.getByRole("link", { name: "d7.example.com" }).click();
		await tab.locator("#d7[open]").waitFor();
		await end();
	});

	test("a record is copied by its button", async () => {
		const { tab, end } = await open(1, { width: 1200 });
		await tab.evaluate(
			"Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { document.body.dataset.copied = text; } } })",
		);
		await tab.locator("details.record summary").last().click();
		const button = tab.getByRole("button").last();
		await tab.evaluate("for (const one of document.querySelectorAll('button')) one.hidden = false");
		await button.click();
		await tab.getByText("Copied").waitFor();
		expect(await tab.evaluate("document.body.dataset.copied")).toMatch(/^v=DKIM1;.*p=/);
		await end();
	});

	test("says the same without its script", async () => {
		const { tab, end } = await open(1, { width: 1200, script: false });
		expect(await tab.locator("button:visible").count()).toBe(0);
		expect(await tab.locator("main").innerText()).toContain("202612 is published");
		await end();
	});
});
