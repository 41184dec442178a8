/// How the page looks. One column; colours by meaning, in a light and a dark set; nothing wider than the window.
enum PageStyle {
    static let css: HTML = """

        :root { --paper: #f6f7f9; --sheet: #ffffff; --ink: #16191d; --soft: #59616c; --line: #dfe3e8;
          --good: #13743f; --note: #2a5db0; --warning: #9a5b00; --critical: #b3261e; --track: #e6e9ee; }
        @media (prefers-color-scheme: dark) {
          :root { --paper: #111418; --sheet: #1a1e24; --ink: #e8ebef; --soft: #9aa4b1; --line: #2d333c;
            --good: #5fce8f; --note: #8ab4f8; --warning: #f0b455; --critical: #ff8a80; --track: #2a3038; }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
        main { max-width: 62rem; margin: 0 auto; padding: 1.25rem; }
        h1 { font-size: clamp(1.9rem, 6vw, 3rem); line-height: 1.1; margin: .2rem 0 1rem; letter-spacing: -.02em; }
        h2 { font-size: 1.35rem; margin: 2.5rem 0 .6rem; letter-spacing: -.01em; }
        h3 { font-size: 1.08rem; margin: .35rem 0; }
        h4 { font-size: .8rem; margin: 1.2rem 0 .3rem; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
        p { margin: .4rem 0; }
        code { font: .88em/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
        small, .kind, .often, footer { color: var(--soft); }
        small { font-size: .85em; }
        header.verdict { background: var(--sheet); border: 1px solid var(--line); border-top: .45rem solid var(--tone);
          border-radius: .8rem; padding: 1.4rem 1.5rem; }
        header.verdict h1 { color: var(--tone); }
        .clean { --tone: var(--good); } .note { --tone: var(--note); }
        .warning { --tone: var(--warning); } .critical { --tone: var(--critical); }
        .kind { margin: 0; font-size: .9rem; }
        .counts { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; margin: 0 0 .8rem; padding: 0; }
        .counts li { border: 1px solid var(--line); border-radius: 99rem; padding: .15rem .8rem; color: var(--soft); }
        .counts b { color: var(--tone); }
        .facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .75rem; margin-top: .75rem; }
        .facts > div, article { background: var(--sheet); border: 1px solid var(--line); border-radius: .7rem; padding: .9rem 1.1rem; }
        .facts span { display: block; color: var(--soft); font-size: .85rem; }
        .facts b { font-size: 1.2rem; font-variant-numeric: tabular-nums; }
        .facts .wide { grid-column: 1 / -1; }
        article { margin: .75rem 0; break-inside: avoid; }
        article.note, article.warning, article.critical { border-left: .35rem solid var(--tone); }
        .mark { margin: 0; color: var(--soft); font-size: .9rem; }
        .chip { color: var(--tone); font-weight: 700; text-transform: uppercase; letter-spacing: .05em; font-size: .8rem; }
        .accepted { border: 1px solid var(--line); border-radius: 99rem; padding: 0 .6rem; font-size: .8rem; }
        dl { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .35rem 1rem; margin: .8rem 0 0; }
        dt { color: var(--soft); } dd { margin: 0; } dd.do { font-weight: 600; }
        .bars { background: var(--sheet); border: 1px solid var(--line); border-radius: .7rem; padding: .4rem 1.1rem; }
        .account { display: grid; grid-template-columns: minmax(0, 12rem) minmax(0, 1fr) 15rem; gap: .3rem 1rem;
          align-items: center; padding: .5rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
        .account:last-child { border-bottom: 0; }
        .none { --tone: var(--critical); } .few { --tone: var(--warning); } .many { --tone: var(--good); }
        .who { font-weight: 600; }
        .bar { height: .7rem; border-radius: 99rem; background: var(--track); overflow: hidden; }
        .bar i { display: block; height: 100%; background: var(--tone); border-radius: 99rem; }
        .left { font-variant-numeric: tabular-nums; } .left b { color: var(--tone); } .left small { display: block; }
        summary { cursor: pointer; color: var(--soft); padding: .4rem 0; }
        .object ul, .object ol { margin: .2rem 0; padding-left: 1.3rem; }
        .often { font-size: .9rem; margin: .1rem 0 .5rem; }
        ul.tree, ul.tree ul { list-style: none; margin: 0; padding: 0; }
        ul.tree { font-size: .93rem; margin: .7rem 0; }
        ul.tree > li > span { font: .85em/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; color: var(--soft); }
        ul.tree ul { margin-left: .5rem; }
        ul.tree ul > li { position: relative; padding: .3rem 0 .1rem 1.2rem; border-left: 2px solid var(--line); }
        ul.tree ul > li:last-child { border-left-color: transparent; }
        ul.tree ul > li::before { content: ""; position: absolute; left: -2px; top: 0; width: .9rem; height: 1.05rem;
          border-left: 2px solid var(--line); border-bottom: 2px solid var(--line); border-bottom-left-radius: .4rem; }
        footer { margin: 2.5rem 0 1rem; font-size: .85rem; }
        @media (max-width: 40rem) {
          main { padding: .8rem; }
          .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); } .facts b { font-size: 1.05rem; }
          dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dt { margin-top: .5rem; font-size: .85rem; }
          .account { grid-template-columns: minmax(0, 1fr); }
          .left small { display: inline; }
        }
        @media print {
          :root { --paper: #fff; --sheet: #fff; --ink: #000; --soft: #444; --line: #bbb; --good: #0b5c30; --note: #1b4a94;
            --warning: #7a4700; --critical: #98150e; --track: #ddd; }
          body { font-size: 10.5pt; } .facts b { font-size: 1rem; }
          main { max-width: none; padding: 0; }
          h2 { break-after: avoid; }
          .bar, .bar i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          details::details-content { content-visibility: visible; block-size: auto; }
          summary { display: none; }
        }

        """
}
