"use strict";

const byId = (id) => document.getElementById(id);
const takesImage = byId("try").dataset.image === "yes";

function show(response, text, milliseconds) {
  byId("status").textContent = `${response.status} in ${milliseconds} ms`;
  const asPage = response.ok && (response.headers.get("content-type") || "").startsWith("text/html");
  byId("shown").hidden = !asPage;
  byId("answer").hidden = asPage;
  if (asPage) {
    byId("shown").srcdoc = text;
    return;
  }
  byId("answer").classList.toggle("bad", !response.ok);
  byId("answer").textContent = readable(text);
}

// One name a line, its value compact; numbers as they stand in the text, for 1.0 is not 1 to everybody.
function readable(text) {
  try {
    const names = Object.keys(JSON.parse(text));
    let rest = text.slice(1, -1);
    const lines = [];
    for (const [place, name] of names.entries()) {
      const next = names[place + 1];
      const end = next === undefined ? rest.length : rest.indexOf(`,${JSON.stringify(next)}:`);
      if (end < 0) return text;
      lines.push(`  ${rest.slice(0, end)}`.replace(`${JSON.stringify(name)}:`, `${JSON.stringify(name)}: `));
      rest = rest.slice(end + 1);
    }
    return `{\n${lines.join(",\n")}\n}`;
  } catch {
    return text;
  }
}

async function evaluate(body, type) {
  byId("status").textContent = "…";
  const start = performance.now();
  try {
    const headers = { "Content-Type": type, Accept: byId("accept").value };
    const response = await fetch("./eval", { method: "POST", headers, body });
    show(response, await response.text(), Math.round(performance.now() - start));
  } catch (error) {
    byId("status").textContent = `no answer: ${error.message}`;
  }
}

function sendImage(file) {
  if (!file) return;
  const preview = byId("preview");
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  evaluate(file, file.type === "image/jpeg" ? "image/jpeg" : "image/png");
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  evaluate(byId("request").value, "application/json");
});

if (takesImage) {
  const drop = byId("drop");
  drop.hidden = false;
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", () => sendImage(byId("file").files[0]));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    sendImage(event.dataTransfer.files[0]);
  });
}

byId("api").addEventListener("toggle", () => {
  if (!byId("api").open || window.ui) return;
  const script = document.createElement("script");
  script.src = "./swagger-ui-bundle.js";
  script.onload = () => {
    window.ui = SwaggerUIBundle({
      url: "./openapi.json",
      domNode: byId("swagger"),
      presets: [SwaggerUIBundle.presets.apis],
      validatorUrl: null,
    });
  };
  document.body.append(script);
});
