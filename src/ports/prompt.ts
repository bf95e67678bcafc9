/**
 * Asks somebody at a terminal; what is answered with nothing is an empty text. Can be repeated. Fails with `usage` when
 * the input ends, and when whoever is asked interrupts.
 */
export type Prompt = (question: string) => Promise<string>;
