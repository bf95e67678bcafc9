/** Where private halves of old keys are laid out for everybody: then no old signature proves any more who made it. */

export interface PrivateShelf {
	/**
	 * Puts a private key where everybody may read it, `<directory>/<domain>/<selector>.pem`; the directory is made if the one
	 * above is there. Durable when it resolves, repeatable. Fails with `disk.failed`, and with `key.invalid` where something
	 * else stands at that name.
	 */
	layOut(
		directory: string,
		key: { readonly domain: string; readonly selector: string },
		pem: string,
	): Promise<void>;
}
