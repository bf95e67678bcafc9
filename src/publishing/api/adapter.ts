/** What every adapter to an HTTP interface is made of. */

import type { Clock } from "../../ports/clock.ts";
import type { Http } from "../../ports/http.ts";
import type { Secrets } from "../../ports/secrets.ts";

export interface AdapterOptions<Settings> {
	/** As keyturn.yaml names the provider. */
	readonly name: string;
	readonly settings: Settings;
	readonly secrets: Secrets;
	readonly http: Http;
	readonly clock: Clock;
}
