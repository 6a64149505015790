/** What is wrong with the manifests, and what they come to. */
import { useState } from "react";
import { jumpTo, useStore } from "../state/store";

const LISTED = 200;

export function Problems() {
  const model = useStore((state) => state.model);
  const [isOpen, setOpen] = useState(false);
  if (!model) return <footer className="problems" />;
  const { diagnostics } = model;
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const workloads = model.parties.filter(({ type }) => type === "workload").length;
  const summary = `${count(workloads, "workload")}, ${count(model.policies.length, "policy", "policies")}`;
  if (diagnostics.length === 0) return <footer className="problems"><p className="fine">✓ {summary}</p></footer>;
  return (
    <footer className="problems" data-testid="problems">
      <button className="problems-head" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span className="caret">{isOpen ? "▾" : "▸"}</span>
        {errors > 0 && <b className="error">{count(errors, "error")}</b>}
        {warnings > 0 && <b className="warning">{count(warnings, "warning")}</b>}
        <span>{summary}</span>
      </button>
      {isOpen && (
        <ul>
          {[...diagnostics].sort((a, b) => a.severity.localeCompare(b.severity)).slice(0, LISTED).map((diagnostic, index) => (
            <li key={index}>
              <button onClick={() => jumpTo(diagnostic.file, diagnostic.line, Math.max(diagnostic.column, 1))}>
                <i className={diagnostic.severity} />
                <span>
                  {diagnostic.object && <b>{diagnostic.object}</b>} {diagnostic.path && <code>{diagnostic.path}</code>} {diagnostic.message}
                </span>
                {diagnostic.line > 0 && <small>{diagnostic.line}:{diagnostic.column || 1}</small>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </footer>
  );
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
