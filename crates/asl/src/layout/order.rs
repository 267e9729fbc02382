//! The order of boxes within their layers, so that few transitions cross.

use super::{
    graph::{Block, Link},
    rank::Ranks,
};

/// The most places that long links may take in the layers they pass; those beyond are drawn straight.
const MOST_WAYPOINTS: usize = 20_000;
/// How often the layers are gone through.
const SWEEPS: usize = 6;

/// Something that has a place in a layer: a box, or a link on its way past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Box(usize),
    Waypoint(usize),
}

/// The layers, and how their items hang together.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) items: Vec<Item>,
    pub(super) layer_of: Vec<usize>,
    /// Each layer's items in their order.
    pub(super) layers: Vec<Vec<usize>>,
    pub(super) above: Vec<Vec<usize>>,
    pub(super) below: Vec<Vec<usize>>,
    /// The items each link goes through, from the upper to the lower end.
    pub(super) chains: Vec<Vec<usize>>,
}

/// Finds the order.
pub(super) fn layers(blocks: &[Block], links: &[Link], ranks: &Ranks) -> Layers {
    let mut items: Vec<Item> = (0..blocks.len()).map(Item::Box).collect();
    let mut layer_of: Vec<usize> = ranks.of.clone();
    let mut chains = Vec::with_capacity(links.len());
    for (index, link) in links.iter().enumerate() {
        if link.from == link.to {
            chains.push(Vec::new());
            continue;
        }
        let (upper, lower) = if ranks.back[index] { (link.to, link.from) } else { (link.from, link.to) };
        let mut chain = vec![upper];
        let between = ranks.of[upper] + 1..ranks.of[lower];
        if items.len() + between.len() <= blocks.len() + MOST_WAYPOINTS {
            for layer in between {
                chain.push(items.len());
                items.push(Item::Waypoint(index));
                layer_of.push(layer);
            }
        }
        chain.push(lower);
        chains.push(chain);
    }
    let (mut above, mut below) = (vec![Vec::new(); items.len()], vec![Vec::new(); items.len()]);
    for chain in &chains {
        for pair in chain.windows(2) {
            below[pair[0]].push(pair[1]);
            above[pair[1]].push(pair[0]);
        }
    }
    let deepest = layer_of.iter().max().map_or(0, |deepest| deepest + 1);
    let mut layers = vec![Vec::new(); deepest];
    for (item, layer) in layer_of.iter().enumerate() {
        layers[*layer].push(item);
    }
    let mut found = Layers { items, layer_of, layers, above, below, chains };
    found.sort();
    found
}

impl Layers {
    /// Moves each item to the middle of its neighbours in the layer before, downwards and upwards in turn.
    fn sort(&mut self) {
        let mut position = vec![0_usize; self.items.len()];
        let note = |layer: &[usize], position: &mut Vec<usize>| {
            for (place, item) in layer.iter().enumerate() {
                position[*item] = place;
            }
        };
        for layer in &self.layers {
            note(layer, &mut position);
        }
        for sweep in 0..SWEEPS {
            let count = self.layers.len();
            let downwards = sweep % 2 == 0;
            for step in 1..count {
                let at = if downwards { step } else { count - 1 - step };
                let neighbours = if downwards { &self.above } else { &self.below };
                let middle = |item: usize| {
                    let near = &neighbours[item];
                    // In hundredths, so that whole numbers are precise enough; one without neighbours stays.
                    match near.len() {
                        0 => position[item] * 100,
                        len => near.iter().map(|other| position[*other] * 100).sum::<usize>() / len,
                    }
                };
                let mut keyed: Vec<_> = self.layers[at].iter().map(|item| (middle(*item), *item)).collect();
                keyed.sort_by_key(|(middle, item)| (*middle, position[*item]));
                let layer: Vec<usize> = keyed.into_iter().map(|(_, item)| item).collect();
                note(&layer, &mut position);
                self.layers[at] = layer;
            }
        }
    }
}
