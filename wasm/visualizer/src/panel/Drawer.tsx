/** What is below the picture: the question, and the answer or the details. */
import { useEffect } from "react";
import type { Model, Party } from "../engine/messages";
import { titleOf } from "../graph/layout";
import { type Selection, askWhy, select, useStore } from "../state/store";
import { Ask } from "./Ask";
import { askedOf } from "./asking";
import { Changes } from "./Changes";
import { Details } from "./Details";
import { Reason } from "./Reason";

export function Drawer() {
  const { model, selection, asked, explanations, refusal } = useStore();
  // Selecting an edge or a cell asks about it.
  useEffect(() => {
    const { model: current } = useStore.getState();
    if (selection?.kind !== "edge" || !current) return;
    const connection = selection.connections[selection.at];
    const question = connection && askedOf(current, connection);
    if (question) void askWhy(question);
  }, [selection]);

  const party = selection?.kind === "party" ? model?.parties.find(({ id }) => id === selection.id) : undefined;
  return (
    <div className="drawer">
      {model && model.changes && !asked && !party && <Changes model={model} />}
      <Ask />
      {model && party && !asked && <Details model={model} party={party} />}
      {asked && refusal && <p className="refusal" role="alert">{refusal}</p>}
      {asked && explanations && (
        <>
          {model && selection?.kind === "edge" && selection.connections.length > 1 && <Several model={model} selection={selection} />}
          <Reason explanations={explanations} />
        </>
      )}
    </div>
  );
}

/** An edge can stand for several connections. */
function Several({ model, selection }: { model: Model; selection: Extract<Selection, { kind: "edge" }> }) {
  const names = new Map(model.parties.map((party): [string, string] => [party.id, nameOf(party)]));
  return (
    <label className="several">
      This {selection.id.startsWith("cell:") ? "cell" : "edge"} stands for {selection.connections.length} connections; why about{" "}
      <select value={selection.at} onChange={(event) => select({ ...selection, at: Number(event.target.value) })}>
        {selection.connections.map(({ source, destination }, index) => (
          <option key={`${source} ${destination}`} value={index}>{names.get(source)} → {names.get(destination)}</option>
        ))}
      </select>
    </label>
  );
}

const nameOf = (party: Party) => (party.type === "workload" ? `${party.namespace}/${party.name}` : titleOf(party));
