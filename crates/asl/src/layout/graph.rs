//! What of a machine is drawn: its states as boxes of their size, its transitions as links between them.

use std::sync::Arc;

use super::{Edge, EdgeKind, Layout, Node, NodeKind, order, place, rank};
use crate::definition::{Definition, Next, Resource, State, StateKind};

/// A box whose place is looked for.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: NodeKind,
    pub(super) width: i32,
    pub(super) height: i32,
    /// What stands within it, side by side.
    inner: Vec<Layout>,
}

/// A transition between two blocks.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) kind: EdgeKind,
}

/// The height of a state's box.
const HEIGHT: i32 = 46;
/// The height of the title of a box that holds others.
const TITLE: i32 = 44;
/// Room between a box and what it holds, and between its branches.
const PADDING: i32 = 16;
/// The width of a character of a title, of a label.
const TITLE_CHARACTER: i32 = 8;
pub(super) const LABEL_CHARACTER: i32 = 6;
/// The most characters that are shown of a label.
const LABEL: usize = 32;
const NARROWEST: i32 = 120;
const WIDEST: i32 = 280;

/// The layout of a machine; the outermost one shows where it starts and ends.
pub(super) fn machine(definition: &Definition, at: usize, outermost: bool) -> Layout {
    let machine = &definition.machines[at];
    let mut blocks: Vec<Block> = machine.states.iter().map(|state| block(definition, state)).collect();
    let mut links = Vec::new();
    let (start, end) = (blocks.len(), blocks.len() + 1);
    for (from, state) in machine.states.iter().enumerate() {
        leave(state, from, outermost.then_some(end), &mut links);
    }
    if outermost {
        blocks.push(marker(NodeKind::Start));
        blocks.push(marker(NodeKind::End));
        links.push(Link { from: start, to: machine.start, label: String::new(), kind: EdgeKind::Next });
    }
    let first = if outermost { start } else { machine.start };
    merge(&mut links);
    let ranks = rank::ranks(blocks.len(), &links, first);
    let layers = order::layers(&blocks, &links, &ranks);
    let placed = place::place(&blocks, &links, &ranks, &layers);
    build(blocks, links, placed)
}

fn marker(kind: NodeKind) -> Block {
    Block { kind, width: 64, height: 28, inner: Vec::new() }
}

/// The box of a state, with what stands within it.
fn block(definition: &Definition, state: &State) -> Block {
    let scopes: &[usize] = match &state.kind {
        StateKind::Parallel { branches, .. } => branches,
        StateKind::Map(map) => std::slice::from_ref(&map.processor),
        StateKind::Pass { .. }
        | StateKind::Task(_)
        | StateKind::Choice { .. }
        | StateKind::Wait(_)
        | StateKind::Succeed
        | StateKind::Fail { .. } => &[],
    };
    let inner: Vec<Layout> = scopes.iter().map(|scope| machine(definition, *scope, false)).collect();
    let detail = detail(state);
    let second = length(state.type_name()) + if detail.is_empty() { 0 } else { length(&detail) + 3 };
    let text = (length(&state.name) * TITLE_CHARACTER).max(second * LABEL_CHARACTER);
    let title = (text + 28).clamp(NARROWEST, WIDEST);
    let kind = NodeKind::State {
        name: Arc::clone(&state.name),
        type_name: state.type_name(),
        detail,
        contains: !inner.is_empty(),
    };
    if inner.is_empty() {
        return Block { kind, width: title, height: HEIGHT, inner };
    }
    let within: i32 = inner.iter().map(|layout| layout.width + 3 * PADDING).sum();
    let highest = inner.iter().map(|layout| layout.height).max().unwrap_or(0);
    Block { kind, width: title.max(within + PADDING), height: highest + TITLE + 3 * PADDING, inner }
}

fn length(text: &str) -> i32 {
    // Characters beyond Latin are about twice as wide.
    let width: usize = text.chars().take(100).map(|c| if c < '\u{2000}' { 1 } else { 2 }).sum();
    i32::try_from(width).unwrap_or(i32::MAX)
}

/// What a state does, in a few words.
fn detail(state: &State) -> String {
    match &state.kind {
        StateKind::Task(task) => match &*task.resource {
            Resource::Lambda { arn } => format!("lambda {}", last(arn)),
            Resource::Activity { arn } => format!("activity {}", last(arn)),
            Resource::Service { service, action, pattern } => {
                format!("{}:{action}{}", service.trim_start_matches("aws-sdk:"), pattern.suffix())
            }
        },
        StateKind::Pass { .. }
        | StateKind::Choice { .. }
        | StateKind::Wait(_)
        | StateKind::Succeed
        | StateKind::Fail { .. }
        | StateKind::Parallel { .. }
        | StateKind::Map(_) => String::new(),
    }
}

fn last(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

/// Adds the transitions that leave a state.
fn leave(state: &State, from: usize, end: Option<usize>, links: &mut Vec<Link>) {
    let mut link = |to: Option<usize>, label: String, kind| {
        links.extend(to.map(|to| Link { from, to, label, kind }));
    };
    match &state.kind {
        StateKind::Choice { choices, default } => {
            for choice in choices {
                link(Some(choice.next), shortened(&choice.rule.summary()), EdgeKind::Choice);
            }
            link(*default, String::from("Default"), EdgeKind::Choice);
        }
        StateKind::Pass { .. }
        | StateKind::Task(_)
        | StateKind::Wait(_)
        | StateKind::Succeed
        | StateKind::Fail { .. }
        | StateKind::Parallel { .. }
        | StateKind::Map(_) => {
            let to = match state.next {
                Next::State(place) => Some(place),
                Next::End => end,
            };
            link(to, String::new(), EdgeKind::Next);
        }
    }
    for catcher in state.handlers().map_or(&[][..], |handlers| &handlers.catch) {
        link(Some(catcher.next), shortened(&catcher.error_equals.join(", ")), EdgeKind::Catch);
    }
}

/// Transitions of one kind between the same two states are drawn once.
fn merge(links: &mut Vec<Link>) {
    links.sort_by_key(|link| (link.from, link.to, link.kind as u8));
    links.dedup_by(|later, first| {
        let same = (first.from, first.to, first.kind) == (later.from, later.to, later.kind);
        if same && first.label != later.label {
            first.label = shortened(&format!("{} / {}", first.label, later.label));
        }
        same
    });
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(LABEL).collect();
    if shown.len() < text.len() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Puts everything where it was placed.
fn build(blocks: Vec<Block>, links: Vec<Link>, placed: place::Placed) -> Layout {
    let mut layout =
        Layout { width: placed.width, height: placed.height, nodes: Vec::new(), edges: Vec::new() };
    let mut places = Vec::with_capacity(blocks.len());
    for (block, (x, y)) in blocks.into_iter().zip(placed.corners) {
        places.push(layout.nodes.len());
        let Block { kind, width, height, inner } = block;
        layout.nodes.push(Node { kind, x, y, width, height });
        let mut left = x + PADDING;
        let free: i32 = width - PADDING - inner.iter().map(|inner| inner.width + 3 * PADDING).sum::<i32>();
        left += free / 2;
        for inner in inner {
            let (width, height) = (inner.width + 2 * PADDING, inner.height + 2 * PADDING);
            let top = y + TITLE;
            layout.nodes.push(Node { kind: NodeKind::Scope, x: left, y: top, width, height });
            layout.take(inner, left + PADDING, top + PADDING);
            left += width + PADDING;
        }
    }
    for (link, points) in links.into_iter().zip(placed.routes) {
        let (from, to) = (places[link.from], places[link.to]);
        layout.edges.push(Edge { from, to, label: link.label, kind: link.kind, points });
    }
    layout
}
