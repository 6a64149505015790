/** A workload: what governs it, and who may talk to it. */
import type { Connection, Model, Party } from "../engine/messages";
import { portLabels } from "../engine/ports";
import { openness, titleOf } from "../graph/layout";
import { select } from "../state/store";

const LISTED = 40;

export function Details({ model, party }: { model: Model; party: Party }) {
  const labels = party.type === "workload" ? Object.entries(party.labels) : [];
  const mark = openness(party);
  const of = (end: "source" | "destination") => model.connections.filter((connection) => connection[end] === party.id);
  return (
    <div className="details" data-testid="details">
      <header>
        <h2>{titleOf(party)}</h2>
        <p>
          {party.type === "workload" ? `${party.kind} in ${party.namespace}, ${party.pods.length === 1 ? "1 pod" : `${party.pods.length} pods`}` : party.detail}
          {mark && <b className="open-mark">{mark}</b>}
        </p>
        {labels.length > 0 && <p className="labels">{labels.slice(0, 8).map(([key, value]) => <code key={key}>{key}={value}</code>)}</p>}
      </header>
      <div className="sides">
        <List title="May connect to" model={model} connections={of("source")} other="destination" />
        <List title="Accepts connections from" model={model} connections={of("destination")} other="source" />
      </div>
    </div>
  );
}

function List({ title, model, connections, other }: {
  title: string;
  model: Model;
  connections: Connection[];
  other: "source" | "destination";
}) {
  const party = (id: string) => model.parties.find((its) => its.id === id)!;
  return (
    <section className="side">
      <h3>{title} <small>{connections.length}</small></h3>
      {connections.length === 0 && <p className="outcome">nobody</p>}
      <ul className="ends">
        {connections.slice(0, LISTED).map((connection) => {
          const its = party(connection[other]);
          const { source, destination } = connection;
          return (
            <li key={connection[other]}>
              <button onClick={() => select({ kind: "edge", id: "", connections: [{ source, destination }], at: 0 })}>
                {its.type === "workload" ? <><small>{its.namespace}/</small>{its.name}</> : its.title}
                <span>{portLabels(connection.allowed.map(({ ports }) => ports))}</span>
              </button>
            </li>
          );
        })}
        {connections.length > LISTED && <li className="aside">and {connections.length - LISTED} more</li>}
      </ul>
    </section>
  );
}
