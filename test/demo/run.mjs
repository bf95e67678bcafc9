// `npm run demo` on a fresh clone, with nothing but Node: fetches the npm packages if they are missing, then shows the demo.
import { startWithPackages } from "../first-stage.mjs";

startWithPackages("test/demo/main.ts");
