/** "From, to, port": the form under the picture. */
import { type FormEvent, useEffect, useState } from "react";
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
  const names = model?.parties.flatMap((party) => (party.type === "workload" ? party.pods.slice(0, 1).map((pod) => `${party.namespace}/${pod}`) : [])) ?? [];
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
      <input className="port" aria-label="Port" type="number" min={1} max={65535} placeholder="80" disabled={!hasPorts} value={hasPorts ? draft.port : ""} onChange={(event) => change({ port: event.target.value })} />
      <button className="primary">Why?</button>
      {asked && <button type="button" className="quiet" onClick={clear} aria-label="Close">✕</button>}
      <datalist id="ends">{names.slice(0, 500).map((name) => <option key={name} value={name} />)}</datalist>
    </form>
  );
}
