/** "From, to, port": the form under the picture. */
import { type FormEvent, useEffect, useMemo, useState } from "react";
import type { Model, Party } from "../engine/messages";
import { type Asked, NOTHING_ASKED, askWhy, clear, select, useStore } from "../state/store";

const PROTOCOLS = ["TCP", "UDP", "SCTP", "ICMP"];

export function Ask() {
  const asked = useStore((state) => state.asked);
  const model = useStore((state) => state.model);
  const [draft, setDraft] = useState<Asked>(asked ?? NOTHING_ASKED);
  useEffect(() => setDraft(asked ?? NOTHING_ASKED), [asked]);

  const hasPorts = draft.protocol !== "ICMP";
  const change = (part: Partial<Asked>) => setDraft({ ...draft, ...part });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    select(null);
    void askWhy({ ...draft, port: hasPorts ? draft.port || "80" : "" });
  };
  const ends = useMemo(() => (model?.parties ?? []).slice(0, OFFERED).flatMap(offered), [model]);
  const ports = useMemo(() => portsOf(model, draft.to, draft.protocol), [model, draft.to, draft.protocol]);
  return (
    <form className="ask" onSubmit={submit} data-testid="ask">
      <span className="ask-title">May</span>
      <input id="ask-from" list="ends" placeholder="namespace/pod or address" aria-label="From" required value={draft.from} onChange={(event) => change({ from: event.target.value })} />
      <span>reach</span>
      <input list="ends" placeholder="namespace/pod or address" aria-label="To" required value={draft.to} onChange={(event) => change({ to: event.target.value })} />
      <span>on</span>
      <select aria-label="Protocol" value={draft.protocol} onChange={(event) => change({ protocol: event.target.value })}>
        {PROTOCOLS.map((protocol) => <option key={protocol}>{protocol}</option>)}
      </select>
      <input className="port" aria-label="Port" type="number" list="ports" min={1} max={65535} placeholder="80" disabled={!hasPorts} value={hasPorts ? draft.port : ""} onChange={(event) => change({ port: event.target.value })} />
      <button className="primary">Why?</button>
      {asked && <button type="button" className="quiet" onClick={clear} aria-label="Close">✕</button>}
      <datalist id="ends">{ends.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}</datalist>
      <datalist id="ports">{ports.map(({ number, name }) => <option key={number} value={number}>{name}</option>)}</datalist>
    </form>
  );
}

/** As many ends as a list of proposals can hold. */
const OFFERED = 2000;

/** A workload by its name, which is shorter than its pods'; what is outside by an address. */
function offered(party: Party): { value: string; label: string }[] {
  if (party.type !== "workload") return [{ value: party.sample, label: party.title }];
  if (party.pods.length === 0) return [];
  return [{ value: `${party.namespace}/${party.name}`, label: party.kind }];
}

/** The ports that a destination declares. */
function portsOf(model: Model | null, to: string, protocol: string): { number: number; name: string }[] {
  const its = model?.parties.find((party) => party.type === "workload" && [party.name, ...party.pods].some((name) => `${party.namespace}/${name}` === to.trim()));
  return its?.type === "workload" ? its.ports.filter((port) => port.protocol === protocol) : [];
}
