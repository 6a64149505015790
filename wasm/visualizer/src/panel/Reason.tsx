/** Why: egress and ingress apart, tier by tier, as sentences. */
import type { ConsultedPolicy, DirectionExplanation, Explanation, PolicyRef, RuleRef, Tier } from "netpolicy";
import { jumpTo } from "../state/store";

export function Reason({ explanations }: { explanations: Explanation[] }) {
  const [first, ...others] = explanations;
  if (!first) return null;
  return (
    <div className="reason" data-testid="reason" data-verdict={first.verdict}>
      <Sentence explanation={first} />
      <div className="sides">
        <Side title="Leaving" direction="egress" who={first.source} side={first.egress} />
        <Side title="Arriving" direction="ingress" who={first.destination} side={first.ingress} />
      </div>
      {others.length > 0 && (
        <p className="aside">
          Not all pods or addresses are treated alike: {others.map((other) => `${other.verdict === "allow" ? "allowed" : "denied"} from ${other.source} to ${other.destination}`).join("; ")}.
        </p>
      )}
    </div>
  );
}

function Sentence({ explanation }: { explanation: Explanation }) {
  const { verdict, source, destination, protocol, port } = explanation;
  const isAllowed = verdict === "allow";
  return (
    <p className={`sentence ${verdict}`}>
      <span className={`verdict ${verdict}`}>{isAllowed ? "Allowed" : "Denied"}</span>
      <span>
        <b>{nameOf(source)}</b> {isAllowed ? "may" : "may not"} open connections to <b>{nameOf(destination)}</b> on{" "}
        <b>{protocol}{port === null ? "" : ` ${port}`}</b>.
      </span>
    </p>
  );
}

/** Without the address, which the sides have. */
const nameOf = (end: string) => end.replace(/ \((?!external)[^)]*\)$/, "").replace(" (external)", "");

const TIERS: Tier[] = ["Admin", "NetworkPolicy", "Baseline"];

function Side({ title, direction, who, side }: {
  title: string;
  direction: "egress" | "ingress";
  who: string;
  side: DirectionExplanation;
}) {
  return (
    <section className="side" data-testid={direction} data-verdict={side.verdict}>
      <h3>
        <span className={`dot ${side.verdict}`} />
        {title} <b>{nameOf(who)}</b> <small>{direction}</small>
      </h3>
      {side.reason === "notAPod" || side.reason === "samePod" ? (
        <p className="outcome">{plain(side)}</p>
      ) : (
        <ol className="tiers">
          {TIERS.map((tier) => (
            <TierStep key={tier} tier={tier} side={side} />
          ))}
          {side.tier === null && (
            <li className="tier decides allow"><span className="tier-name">Default</span><p>{plain(side)}</p></li>
          )}
        </ol>
      )}
      {side.assumptions.map(({ text }) => <p className="aside" key={text}>Assumed: {text}.</p>)}
    </section>
  );
}

/** The reasons that no policy gives. */
function plain(side: DirectionExplanation): string {
  switch (side.reason) {
    case "notAPod": return "It is not a pod, so no policy governs it: allowed.";
    case "samePod": return "A pod may always connect to itself.";
    case "noPolicySelects": return "No policy selects it in this direction, so everything is allowed.";
    case "passed": return "A rule of the Admin tier passes it on, and nothing behind it decides, so it is allowed.";
    case "noRuleMatches": return "No rule of the policies that select it matches, so it is allowed.";
    default: return side.text;
  }
}

function TierStep({ tier, side }: { tier: Tier; side: DirectionExplanation }) {
  const policies = side.policies.filter(({ policy }) => policy.tier === tier);
  const decides = side.tier === tier;
  if (policies.length === 0 && !decides) {
    // A tier that comes after the one that decides is never asked.
    const isAsked = side.tier === null || TIERS.indexOf(side.tier) > TIERS.indexOf(tier);
    return isAsked ? <li className="tier silent"><span className="tier-name">{tier}</span><p>nothing selects it</p></li> : null;
  }
  const matched = policies.filter(({ match }) => match);
  const missed = policies.filter(({ miss }) => miss);
  return (
    <li className={`tier ${decides ? `decides ${side.verdict}` : "passed"}`}>
      <span className="tier-name">{tier}</span>
      <div>
        {decides && side.reason === "ownNode" && <p>The pod’s own node may always reach it.</p>}
        {decides && side.reason === "isolatedElsewhere" && <p>Isolated in the other direction only, which is final by option: allowed.</p>}
        {decides && side.reason === "isolated" && (
          <p>{policies.length === 1 ? "This policy isolates it" : `These ${policies.length} policies isolate it`}, and no rule allows the connection:</p>
        )}
        {matched.map((consulted) => <Match key={keyOf(consulted)} rule={consulted.match!} />)}
        {missed.length > 0 && (side.reason === "isolated" && decides
          ? missed.map((consulted) => <Miss key={keyOf(consulted)} consulted={consulted} />)
          : (
            <details>
              <summary>{silent(missed.length, matched.length > 0)}</summary>
              {missed.map((consulted) => <Miss key={keyOf(consulted)} consulted={consulted} />)}
            </details>
          ))}
      </div>
    </li>
  );
}

function silent(count: number, isOther: boolean): string {
  const other = isOther ? "other " : "";
  return count === 1 ? `1 ${other}policy does not match` : `${count} ${other}policies do not match`;
}

const keyOf = ({ policy }: ConsultedPolicy) => `${policy.kind} ${policy.namespace} ${policy.name}`;

const DID = { allow: "allows it", deny: "denies it", pass: "passes it on" };

function Match({ rule }: { rule: RuleRef }) {
  return (
    <p>
      <PolicyLink policy={rule.policy} /> {rule.failsClosed ? "fails closed, as it has a peer that is not known here:" : DID[rule.action]} by{" "}
      <RuleLink rule={rule} />
    </p>
  );
}

function Miss({ consulted: { policy, miss } }: { consulted: ConsultedPolicy }) {
  return (
    <p className="miss">
      <PolicyLink policy={policy} />: {miss!.rule ? <><RuleLink rule={miss!.rule} /> {missText(miss!.kind)}</> : missText(miss!.kind)}
    </p>
  );
}

function missText(kind: NonNullable<ConsultedPolicy["miss"]>["kind"]): string {
  switch (kind) {
    case "noRules": return "has no rules in this direction";
    case "port": return "matches the peer, but not the port";
    case "peer": return "matches the port, but not the peer";
    case "failsClosed": return "has a peer that is not known here, so it allows nothing";
    case "neither": return "no rule matches the peer or the port";
  }
}

export function PolicyLink({ policy }: { policy: PolicyRef }) {
  const name = policy.namespace === null ? policy.name : `${policy.namespace}/${policy.name}`;
  if (policy.file === null || policy.line === null) return <b title={policy.kind}>{name}</b>;
  const { file, line } = policy;
  return (
    <button className="place" title={`${policy.kind}, ${file}:${line}`} onClick={() => jumpTo(file, line)}>{name}</button>
  );
}

function RuleLink({ rule }: { rule: RuleRef }) {
  const text = rule.name ? `“${rule.name}”` : `${rule.direction}[${rule.index}]`;
  const { file } = rule.policy;
  if (file === null || rule.line === 0) return <code>{text}</code>;
  return (
    <button className="place rule" title={`${file}:${rule.line}`} onClick={() => jumpTo(file, rule.line)}>
      {text} <small>line {rule.line}</small>
    </button>
  );
}
