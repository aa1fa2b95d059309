// Reads lines of {json, xml}: an R4 Bundle in JSON and, maybe, the same as XML. Prints of each the
// errors that the package `fhir` finds, and what it reads from the XML.
const { readFileSync } = require("fs");
const { Fhir } = require("fhir");

const fhir = new Fhir();
const errors = (resource) =>
  fhir
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter((message) => ["error", "fatal"].includes(message.severity))
    .map((message) => `${message.location}: ${message.message}`);
const lines = readFileSync(0, "utf8").split("\n").filter(Boolean).map(JSON.parse);
const found = lines.map(({ json, xml }) => ({
  errors: errors(json),
  read: xml && fhir.xmlToObj(xml),
}));
process.stdout.write(JSON.stringify(found));
