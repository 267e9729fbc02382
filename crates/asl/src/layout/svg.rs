//! A layout as SVG, with what happened in an execution in colours; readable on light and on dark ground.

use std::fmt::Write as _;

use super::{Edge, EdgeKind, Layout, Mark, Node, NodeKind, Progress, graph::LABEL_CHARACTER};

/// How things look. The colours follow what the reader's screen prefers.
const STYLE: &str = "
svg{--ground:#fff;--box:#fff;--scope:#f6f7f9;--line:#8a94a3;--edge:#6b7686;--text:#1a212b;--dim:#5c6776;--good:#1a7f45;--bad:#c62f2b;--caught:#b26a00;--running:#1b66c9;background:var(--ground);font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}
@media (prefers-color-scheme:dark){svg{--ground:#14181e;--box:#1d232b;--scope:#191e25;--line:#5d6877;--edge:#8592a3;--text:#e7ebf0;--dim:#9aa6b5;--good:#4cc27e;--bad:#ff7b72;--caught:#e5a84a;--running:#6aaeff}}
.ground{fill:var(--ground)}
.box rect{fill:var(--box);stroke:var(--line);stroke-width:1.25}
.scope{fill:var(--scope);stroke:var(--line);stroke-width:1;stroke-dasharray:4 4;stroke-opacity:.7}
.end rect{fill:var(--edge);stroke:none}
.end text{fill:var(--ground);font-size:12px;font-weight:600}
.name{fill:var(--text);font-size:13px;font-weight:600}
.kind{fill:var(--dim);font-size:11px}
.edge{fill:none;stroke:var(--edge);stroke-width:1.5}
.catch{stroke:var(--caught);stroke-dasharray:5 4}
.head{fill:var(--edge)}
.head-catch{fill:var(--caught)}
.label{fill:var(--dim);font-size:10.5px;stroke:var(--ground);stroke-width:4px;paint-order:stroke;stroke-linejoin:round}
.box .mark{stroke:none}
.good>rect.frame{stroke:var(--good);stroke-width:2}.good rect.mark{fill:var(--good)}
.bad>rect.frame{stroke:var(--bad);stroke-width:2.5}.bad rect.mark{fill:var(--bad)}
.caught>rect.frame{stroke:var(--caught);stroke-width:2}.caught rect.mark{fill:var(--caught)}
.running>rect.frame{stroke:var(--running);stroke-width:2.5}.running rect.mark{fill:var(--running)}
.aborted>rect.frame{stroke-dasharray:6 3;stroke-width:2}.aborted rect.mark{fill:var(--edge)}
.unreached{opacity:.5}
";

/// The picture of a layout; with `progress`, of what became of its states.
pub fn svg(layout: &Layout, progress: Option<&Progress>) -> String {
    let (width, height) = (layout.width, layout.height);
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\"><style>{STYLE}</style><rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
        ),
    );
    for node in &layout.nodes {
        draw_node(&mut out, node, progress);
    }
    for edge in &layout.edges {
        draw_edge(&mut out, edge, layout, progress);
    }
    // Labels stand above all lines.
    for edge in layout.edges.iter().filter(|edge| !edge.label.is_empty()) {
        draw_label(&mut out, edge, width);
    }
    out.push_str("</svg>\n");
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a text takes whatever is written to it");
}

fn draw_node(out: &mut String, node: &Node, progress: Option<&Progress>) {
    let Node { x, y, width, height, .. } = *node;
    let frame = |out: &mut String, class: &str, radius: i32| {
        put(
            out,
            format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
            ),
        );
    };
    match &node.kind {
        NodeKind::Scope => frame(out, "scope", 8),
        NodeKind::Start | NodeKind::End => {
            let text = if node.kind == NodeKind::Start { "Start" } else { "End" };
            out.push_str("<g class=\"end\">");
            frame(out, "frame", height / 2);
            let (middle, line) = (x + width / 2, y + height / 2 + 4);
            put(
                out,
                format_args!("<text x=\"{middle}\" y=\"{line}\" text-anchor=\"middle\">{text}</text></g>\n"),
            );
        }
        NodeKind::State { name, type_name, detail, contains } => {
            let class = progress.map_or("", |progress| class(progress.mark(name)));
            put(out, format_args!("<g class=\"box {class}\"><title>{}</title>", escaped(name)));
            frame(out, "frame", 8);
            let mut kind = (*type_name).to_owned() + &counts(progress, name);
            if !detail.is_empty() {
                kind = format!("{kind} · {detail}");
            }
            let room = width - 26;
            let (left, first) = (x + 14, y + 20);
            put(
                out,
                format_args!(
                    "<text class=\"name\" x=\"{left}\" y=\"{first}\">{}</text><text class=\"kind\" x=\"{left}\" y=\"{}\">{}</text>",
                    escaped(&cut(name, room / 8)),
                    first + 16,
                    escaped(&cut(&kind, room / LABEL_CHARACTER)),
                ),
            );
            if progress.is_some() && !class.is_empty() && class != "unreached" {
                let bar = if *contains { 36 } else { height - 10 };
                put(
                    out,
                    format_args!(
                        "<rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{bar}\" rx=\"2\"/>",
                        x + 5,
                        y + 5
                    ),
                );
            }
            out.push_str("</g>\n");
        }
    }
}

/// How often a state was visited and tried again, where that is worth saying.
fn counts(progress: Option<&Progress>, name: &str) -> String {
    let Some(progress) = progress else { return String::new() };
    let (entered, retries) = progress.counts(name);
    let mut text = String::new();
    if entered > 1 {
        put(&mut text, format_args!(" · {entered}×"));
    }
    match retries {
        0 => {}
        1 => text.push_str(" · 1 retry"),
        retries => put(&mut text, format_args!(" · {retries} retries")),
    }
    text
}

fn class(mark: Option<Mark>) -> &'static str {
    match mark {
        None => "unreached",
        Some(Mark::Running) => "running",
        Some(Mark::Succeeded) => "good",
        Some(Mark::Caught) => "caught",
        Some(Mark::Failed) => "bad",
        Some(Mark::Aborted) => "aborted",
    }
}

fn draw_edge(out: &mut String, edge: &Edge, layout: &Layout, progress: Option<&Progress>) {
    let [start, .., before, end] = edge.points.as_slice() else {
        let [start, end] = edge.points.as_slice() else { return };
        return draw_curve(out, edge, layout, progress, *start, &[*end], *start, *end);
    };
    draw_curve(out, edge, layout, progress, *start, &edge.points[1..], *before, *end);
}

#[expect(clippy::too_many_arguments, reason = "a curve has a start, a way and an end")]
fn draw_curve(
    out: &mut String,
    edge: &Edge,
    layout: &Layout,
    progress: Option<&Progress>,
    start: (i32, i32),
    way: &[(i32, i32)],
    before: (i32, i32),
    end: (i32, i32),
) {
    let reached = |index: usize| match &layout.nodes[index].kind {
        NodeKind::State { name, .. } => progress.is_none_or(|progress| progress.mark(name).is_some()),
        NodeKind::Start | NodeKind::End | NodeKind::Scope => true,
    };
    let dim = if reached(edge.from) && reached(edge.to) { "" } else { " unreached" };
    let (class, head) =
        if edge.kind == EdgeKind::Catch { ("edge catch", "head-catch") } else { ("edge", "head") };
    let loops = edge.from == edge.to;
    let mut path = format!("M{} {}", start.0, start.1);
    let mut at = start;
    for &(x, y) in way {
        if loops || at.0 == x {
            put(&mut path, format_args!("L{x} {y}"));
        } else {
            let middle = i32::midpoint(at.1, y);
            put(&mut path, format_args!("C{} {middle} {x} {middle} {x} {y}", at.0));
        }
        at = (x, y);
    }
    let (x, y) = end;
    // Links arrive from above, from below where they go back, and from the side where they go round.
    let tip = if loops {
        format!("M{x} {y}l8 -4v8z")
    } else if before.1 > y {
        format!("M{x} {y}l-4 8h8z")
    } else {
        format!("M{x} {y}l-4 -8h8z")
    };
    put(
        out,
        format_args!(
            "<g class=\"{dim}\"><path class=\"{class}\" d=\"{path}\"/><path class=\"{head}\" d=\"{tip}\"/></g>\n"
        ),
    );
}

/// A label stands where its transition has come away from the others that leave the same state.
fn draw_label(out: &mut String, edge: &Edge, width: i32) {
    let (Some(first), Some(second)) = (edge.points.first(), edge.points.get(1)) else { return };
    let (x, y) = if edge.from == edge.to {
        (second.0 + 4, second.1 - 6)
    } else {
        let towards = i32::midpoint(first.1, second.1);
        (first.0 + (second.0 - first.0) * 4 / 5, towards + (second.1 - towards) / 3)
    };
    let half = i32::try_from(edge.label.chars().count()).unwrap_or(0) * LABEL_CHARACTER / 2;
    let (anchor, x) =
        if edge.from == edge.to { ("start", x) } else { ("middle", x.min(width - half).max(half)) };
    put(
        out,
        format_args!(
            "<text class=\"label\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
            escaped(&edge.label)
        ),
    );
}

/// A text that is too long for its room, shortened.
fn cut(text: &str, room: i32) -> String {
    let room = usize::try_from(room).unwrap_or(0).max(1);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

/// Text as XML takes it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
