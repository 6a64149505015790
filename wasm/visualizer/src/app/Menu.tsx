/** A button that opens a list. */
import { type ReactNode, useEffect, useRef, useState } from "react";

export function Menu({ label, title, align = "left", children }: {
  label: string;
  title?: string;
  align?: "left" | "right";
  children: ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const close = (event: Event) => {
      if (!root.current!.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    root.current!.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    return () => document.removeEventListener("pointerdown", close);
  }, [isOpen]);
  const move = (step: number) => {
    const items = [...root.current!.querySelectorAll<HTMLElement>("[role^=menuitem]")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  return (
    <div
      className="menu" ref={root}
      onKeyDown={(event) => {
        if (!isOpen) return;
        if (event.key === "Escape") {
          event.stopPropagation();
          setOpen(false);
          root.current!.querySelector("button")!.focus();
        }
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step) {
          event.preventDefault();
          move(step);
        }
      }}
    >
      <button aria-haspopup="menu" aria-expanded={isOpen} aria-label={title} onClick={() => setOpen(!isOpen)}>
        {label}{title ? "" : <span className="caret">▾</span>}
      </button>
      {isOpen && (
        <div className={`menu-list ${align}`} role="menu" onClick={(event) => (event.target as Element).closest("button") && setOpen(false)}>
          {children}
        </div>
      )}
    </div>
  );
}
