//! Which layer each box stands in: below everything that leads to it, but for transitions that go back.

use std::collections::VecDeque;

use super::graph::Link;

/// The layers of the boxes, and which links go back up.
#[derive(Debug)]
pub(super) struct Ranks {
    /// The layer of each box, from 0.
    pub(super) of: Vec<usize>,
    /// Whether each link is turned round for the layout. One that leads to its own box is none.
    pub(super) back: Vec<bool>,
}

/// Finds the layers.
pub(super) fn ranks(boxes: usize, links: &[Link], first: usize) -> Ranks {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    for (index, link) in links.iter().enumerate() {
        leaving[link.from].push(index);
    }
    let back = backward(boxes, links, &leaving, first);
    // From above to below: a box stands under the lowest of those that lead to it.
    let ends = |index: usize| {
        let link = &links[index];
        if back[index] { (link.to, link.from) } else { (link.from, link.to) }
    };
    let mut missing = vec![0_usize; boxes];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    for (index, link) in links.iter().enumerate() {
        if link.from != link.to {
            let (upper, lower) = ends(index);
            missing[lower] += 1;
            below[upper].push(lower);
        }
    }
    let mut of = vec![0; boxes];
    let mut open: VecDeque<usize> = (0..boxes).filter(|at| missing[*at] == 0).collect();
    while let Some(at) = open.pop_front() {
        for lower in &below[at] {
            of[*lower] = of[*lower].max(of[at] + 1);
            missing[*lower] -= 1;
            if missing[*lower] == 0 {
                open.push_back(*lower);
            }
        }
    }
    Ranks { of, back }
}

/// The links that close a circle, as a walk from the first box meets them.
fn backward(boxes: usize, links: &[Link], leaving: &[Vec<usize>], first: usize) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        Under,
        Done,
    }
    let mut back = vec![false; links.len()];
    let mut seen = vec![Seen::Not; boxes];
    for root in std::iter::once(first).chain(0..boxes) {
        if seen[root] != Seen::Not {
            continue;
        }
        let mut stack = vec![(root, 0)];
        seen[root] = Seen::Under;
        while let Some((at, next)) = stack.last_mut() {
            let Some(index) = leaving[*at].get(*next).copied() else {
                seen[*at] = Seen::Done;
                stack.pop();
                continue;
            };
            *next += 1;
            let to = links[index].to;
            match seen[to] {
                Seen::Under => back[index] = true,
                Seen::Done => {}
                Seen::Not => {
                    seen[to] = Seen::Under;
                    stack.push((to, 0));
                }
            }
        }
    }
    back
}
