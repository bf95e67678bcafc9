// `npm test` on a fresh clone, with nothing but Node: fetches the npm packages if they are missing, then runs the suites.
import { startWithPackages } from "./first-stage.mjs";

startWithPackages("test/run/main.ts");
