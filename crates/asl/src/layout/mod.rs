//! Where the states of a definition stand when it is drawn: layer under layer, branches and item processors within
//! their states.
//!
//! Pure and stable: the same definition has the same layout. The work grows with states and transitions, and what long
//! transitions add is bounded. `graph` says what is drawn, `rank` in which layer, `order` and `place` where in it, `svg`
//! draws it, `progress` says what happened to each state in an execution. Start at [`Layout::of`].

mod graph;
mod order;
mod place;
mod progress;
mod rank;
mod svg;

use std::sync::Arc;

pub use progress::{Mark, Progress};
pub use svg::svg;

use crate::definition::Definition;

/// A definition as it is drawn. Lengths are pixels; the origin is above and left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
    /// States, and where the machine starts and ends. What contains others stands before them.
    pub nodes: Vec<Node>,
    /// Transitions.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it stands for.
    pub kind: NodeKind,
    /// Its left edge.
    pub x: i32,
    /// Its upper edge.
    pub y: i32,
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
}

/// What a box stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// Where the machine starts.
    Start,
    /// Where it ends.
    End,
    /// A state.
    State {
        /// Its name.
        name: Arc<str>,
        /// `Task`, `Choice` …
        type_name: &'static str,
        /// What it does, in a few words: a Task's resource.
        detail: String,
        /// Whether others stand within it.
        contains: bool,
    },
    /// A branch, or the states that run for each item.
    Scope,
}

/// A transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The node it leaves, as an index.
    pub from: usize,
    /// The node it leads to.
    pub to: usize,
    /// Why it is taken, in a few words.
    pub label: String,
    /// What kind of transition it is.
    pub kind: EdgeKind,
    /// The points it goes through, from where it leaves to where it arrives.
    pub points: Vec<(i32, i32)>,
}

/// The kinds of transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Next, or the end.
    Next,
    /// One of Choices, or Default.
    Choice,
    /// One of Catch.
    Catch,
}

/// Room around everything.
const MARGIN: i32 = 16;

impl Layout {
    /// The layout of a definition.
    pub fn of(definition: &Definition) -> Self {
        let mut layout = graph::machine(definition, definition.outermost(), true);
        layout.shift(MARGIN, MARGIN);
        layout.width += 2 * MARGIN;
        layout.height += 2 * MARGIN;
        layout
    }

    fn shift(&mut self, x: i32, y: i32) {
        for node in &mut self.nodes {
            node.x += x;
            node.y += y;
        }
        for (px, py) in self.edges.iter_mut().flat_map(|edge| &mut edge.points) {
            *px += x;
            *py += y;
        }
    }

    /// Takes another layout in, at a place.
    fn take(&mut self, mut other: Self, x: i32, y: i32) {
        other.shift(x, y);
        let before = self.nodes.len();
        self.nodes.append(&mut other.nodes);
        self.edges.extend(other.edges.into_iter().map(|edge| Edge {
            from: edge.from + before,
            to: edge.to + before,
            ..edge
        }));
    }
}
