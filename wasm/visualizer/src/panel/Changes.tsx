/** What the edit adds and removes, as a list. */
import type { Model, Party } from "../engine/messages";
import { portLabel } from "../engine/ports";
import { titleOf } from "../graph/layout";
import { pin, select } from "../state/store";

const LISTED = 300;

export function Changes({ model }: { model: Model }) {
  const changes = model.changes ?? [];
  const parties = new Map(model.parties.map((party) => [party.id, party]));
  const count = (which: "added" | "removed") => changes.filter((change) => change[which].ranges.length > 0).length;
  return (
    <section className="changes" data-testid="changes" aria-label="What the edit changes">
      <header>
        <h2>{changes.length === 0 ? "No connection differs from what is pinned" : "Beside what is pinned"}</h2>
        {changes.length > 0 && <span className="tally"><b className="added">+{count("added")}</b> <b className="removed">−{count("removed")}</b></span>}
        <button className="quiet" onClick={() => void pin(false)}>Unpin</button>
      </header>
      {changes.length > 0 && (
        <ul>
          {changes.slice(0, LISTED).flatMap(({ source, destination, added, removed }) =>
            ([["added", added], ["removed", removed]] as const)
              .filter(([, ports]) => ports.ranges.length > 0)
              .map(([which, ports]) => (
                <li key={`${source} ${destination} ${which} ${ports.text}`}>
                  <button className={which} onClick={() => select({ kind: "edge", id: "", connections: [{ source, destination }], at: 0 })}>
                    <b>{which === "added" ? "+" : "−"}</b> {nameOf(parties.get(source))} → {nameOf(parties.get(destination))} <span>{portLabel(ports)}</span>
                  </button>
                </li>
              )),
          )}
          {changes.length > LISTED && <li className="aside">and {changes.length - LISTED} more</li>}
        </ul>
      )}
    </section>
  );
}

const nameOf = (party: Party | undefined) =>
  party?.type === "workload" ? `${party.namespace}/${party.name}` : party ? titleOf(party) : "?";
