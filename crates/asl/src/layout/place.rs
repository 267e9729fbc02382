//! The coordinates: layers one under the other, in each layer boxes as near to their neighbours as their order lets them,
//! and the ways of the links.

use super::{
    graph::{Block, LABEL_CHARACTER, Link},
    order::{Item, Layers},
    rank::Ranks,
};

/// Room between two boxes of a layer, and beside a link that passes.
const BESIDE: i32 = 28;
const PASSING: i32 = 14;
/// Room between two layers, and how much more where links have labels.
const BETWEEN: i32 = 36;
const FOR_LABELS: i32 = 18;
/// How far a link to its own box goes out.
const LOOP: i32 = 26;
/// How often boxes are drawn to their neighbours.
const ROUNDS: usize = 10;
/// How far apart links leave a box.
const PORT: i32 = 22;

/// Where everything stands.
pub(super) struct Placed {
    pub(super) width: i32,
    pub(super) height: i32,
    /// The upper left corner of each box.
    pub(super) corners: Vec<(i32, i32)>,
    /// The points of each link.
    pub(super) routes: Vec<Vec<(i32, i32)>>,
}

/// Places everything.
pub(super) fn place(blocks: &[Block], links: &[Link], ranks: &Ranks, layers: &Layers) -> Placed {
    let mut widths: Vec<i32> = layers.items.iter().map(|item| width(*item, blocks, links)).collect();
    for link in links.iter().filter(|link| link.from == link.to) {
        widths[link.from] = blocks[link.from].width + 2 * LOOP;
    }
    let centres = centres(&widths, layers);
    let (tops, heights) = rows(blocks, links, ranks, layers);
    let corners: Vec<(i32, i32)> = blocks
        .iter()
        .enumerate()
        .map(|(at, block)| {
            let layer = layers.layer_of[at];
            (centres[at] - block.width / 2, tops[layer] + (heights[layer] - block.height) / 2)
        })
        .collect();
    let routes = routes(
        blocks,
        links,
        ranks,
        layers,
        &Grid { centres: &centres, corners: &corners, tops: &tops, heights: &heights },
    );
    finish(blocks, corners, routes)
}

/// The room an item takes in its layer. A link's label stands where it first passes a layer.
fn width(item: Item, blocks: &[Block], links: &[Link]) -> i32 {
    match item {
        Item::Box(at) => blocks[at].width,
        Item::Waypoint(link) => {
            let label = i32::try_from(links[link].label.chars().count()).unwrap_or(0);
            (label * LABEL_CHARACTER).max(PASSING)
        }
    }
}

/// The middle of each item.
fn centres(widths: &[i32], layers: &Layers) -> Vec<i32> {
    let mut centres = vec![0; widths.len()];
    for layer in &layers.layers {
        let mut right = 0;
        for item in layer {
            centres[*item] = right + widths[*item] / 2;
            right += widths[*item] + BESIDE;
        }
    }
    for round in 0..ROUNDS {
        let downwards = round % 2 == 0;
        let count = layers.layers.len();
        for step in 0..count {
            let at = if downwards { step } else { count - 1 - step };
            let neighbours = if downwards { &layers.above } else { &layers.below };
            let layer = &layers.layers[at];
            let wanted: Vec<i32> = layer
                .iter()
                .map(|item| {
                    let near = &neighbours[*item];
                    match i32::try_from(near.len()) {
                        Ok(0) | Err(_) => centres[*item],
                        Ok(len) => near.iter().map(|other| centres[*other]).sum::<i32>() / len,
                    }
                })
                .collect();
            for (item, centre) in layer.iter().zip(spread(layer, &wanted, widths)) {
                centres[*item] = centre;
            }
        }
    }
    centres
}

/// The middles nearest to those wanted at which the items of a layer do not overlap: neighbours that would are moved
/// together, as a group around the mean of what they want.
fn spread(layer: &[usize], wanted: &[i32], widths: &[i32]) -> Vec<i32> {
    struct Group {
        first: usize,
        count: i64,
        sum: i64,
    }
    // Where each item stands if the first stands at 0 and none has more room than it needs.
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0;
    for (place, item) in layer.iter().enumerate() {
        if place > 0 {
            offset += (widths[layer[place - 1]] + widths[*item]) / 2 + BESIDE;
        }
        offsets.push(offset);
    }
    let mut groups: Vec<Group> = Vec::with_capacity(layer.len());
    for place in 0..layer.len() {
        let mut group = Group { first: place, count: 1, sum: i64::from(wanted[place] - offsets[place]) };
        while let Some(before) = groups.pop_if(|before| before.sum * group.count >= group.sum * before.count)
        {
            group =
                Group { first: before.first, count: before.count + group.count, sum: before.sum + group.sum };
        }
        groups.push(group);
    }
    let mut placed = offsets;
    for (index, group) in groups.iter().enumerate() {
        let end = groups.get(index + 1).map_or(layer.len(), |next| next.first);
        let start = i32::try_from(group.sum / group.count).unwrap_or(0);
        placed[group.first..end].iter_mut().for_each(|place| *place += start);
    }
    placed
}

/// The upper edge and the height of each layer.
fn rows(blocks: &[Block], links: &[Link], ranks: &Ranks, layers: &Layers) -> (Vec<i32>, Vec<i32>) {
    let count = layers.layers.len();
    let mut heights = vec![0; count];
    for (at, block) in blocks.iter().enumerate() {
        let height = &mut heights[layers.layer_of[at]];
        *height = (*height).max(block.height);
    }
    let mut gaps = vec![BETWEEN; count];
    for (index, link) in links.iter().enumerate() {
        if !link.label.is_empty() {
            let upper = if ranks.back[index] { link.to } else { link.from };
            gaps[layers.layer_of[upper]] = BETWEEN + FOR_LABELS;
        }
    }
    let mut tops = Vec::with_capacity(count);
    let mut top = 0;
    for (height, gap) in heights.iter().zip(gaps) {
        tops.push(top);
        top += height + gap;
    }
    (tops, heights)
}

/// The coordinates found so far.
struct Grid<'g> {
    centres: &'g [i32],
    corners: &'g [(i32, i32)],
    tops: &'g [i32],
    heights: &'g [i32],
}

/// The ways of the links: out of the lower edge of the upper box, past the boxes between, into the upper edge of the lower.
fn routes(
    blocks: &[Block],
    links: &[Link],
    ranks: &Ranks,
    layers: &Layers,
    grid: &Grid<'_>,
) -> Vec<Vec<(i32, i32)>> {
    let ports = Ports::of(blocks, layers, grid);
    let mut routes = Vec::with_capacity(links.len());
    for (index, link) in links.iter().enumerate() {
        let chain = &layers.chains[index];
        let [upper, between @ .., lower] = chain.as_slice() else {
            routes.push(around(&blocks[link.from], grid.corners[link.from]));
            continue;
        };
        let mut points = vec![(ports.lower[index], grid.corners[*upper].1 + blocks[*upper].height)];
        for waypoint in between {
            let layer = layers.layer_of[*waypoint];
            let x = grid.centres[*waypoint];
            points.push((x, grid.tops[layer]));
            points.push((x, grid.tops[layer] + grid.heights[layer]));
        }
        points.push((ports.upper[index], grid.corners[*lower].1));
        if ranks.back[index] {
            points.reverse();
        }
        routes.push(points);
    }
    routes
}

/// Where links leave the lower edges of boxes and arrive at upper ones: beside each other, in the order in which they
/// go on.
struct Ports {
    lower: Vec<i32>,
    upper: Vec<i32>,
}

impl Ports {
    fn of(blocks: &[Block], layers: &Layers, grid: &Grid<'_>) -> Self {
        let count = layers.chains.len();
        let mut leaving: Vec<Vec<(i32, usize)>> = vec![Vec::new(); blocks.len()];
        let mut arriving = leaving.clone();
        for (index, chain) in layers.chains.iter().enumerate() {
            if let (Some(upper), Some(after)) = (chain.first(), chain.get(1)) {
                leaving[*upper].push((grid.centres[*after], index));
            }
            if let [.., before, lower] = chain.as_slice() {
                arriving[*lower].push((grid.centres[*before], index));
            }
        }
        let spread = |at: usize, mut ends: Vec<(i32, usize)>, ports: &mut Vec<i32>| {
            ends.sort_unstable();
            let last = i32::try_from(ends.len()).unwrap_or(i32::MAX).saturating_sub(1);
            let apart = if last > 0 { PORT.min((blocks[at].width - 24).max(0) / last) } else { 0 };
            for (place, (_, index)) in ends.into_iter().enumerate() {
                let place = i32::try_from(place).unwrap_or(0);
                ports[index] = grid.centres[at] + place * apart - last * apart / 2;
            }
        };
        let mut ports = Self { lower: vec![0; count], upper: vec![0; count] };
        for (at, ends) in leaving.into_iter().enumerate() {
            spread(at, ends, &mut ports.lower);
        }
        for (at, ends) in arriving.into_iter().enumerate() {
            spread(at, ends, &mut ports.upper);
        }
        ports
    }
}

/// A link from a box to itself.
fn around(block: &Block, (x, y): (i32, i32)) -> Vec<(i32, i32)> {
    let (right, middle) = (x + block.width, y + block.height / 2);
    vec![(right, middle + 10), (right + LOOP, middle + 10), (right + LOOP, middle - 10), (right, middle - 10)]
}

/// Moves everything to where nothing is left of 0.
fn finish(blocks: &[Block], mut corners: Vec<(i32, i32)>, mut routes: Vec<Vec<(i32, i32)>>) -> Placed {
    let points = || routes.iter().flatten().map(|(x, _)| *x);
    let left = corners.iter().map(|(x, _)| *x).chain(points()).min().unwrap_or(0);
    let rights = corners.iter().zip(blocks).map(|((x, _), block)| x + block.width);
    let right = rights.chain(points()).max().unwrap_or(0);
    let height = corners.iter().zip(blocks).map(|((_, y), block)| y + block.height).max().unwrap_or(0);
    corners.iter_mut().for_each(|(x, _)| *x -= left);
    routes.iter_mut().flatten().for_each(|(x, _)| *x -= left);
    Placed { width: right - left, height, corners, routes }
}
