//! Rendering: a block's nodes, one after the other.

use crate::{
    ast::{Block, Expression, Node, Reference},
    context::{Context, LoopState},
    error::RenderError,
    print,
    value::{DefinedBlock, Value},
};

/// Blocks, texts and method arguments within each other at run time: each level costs stack.
const MAX_DEPTH: usize = 128;
/// How often a `#define` may be in itself before it prints nothing: Velocity's own limit.
const MAX_BLOCK_DEPTH: usize = 2;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// Leave the innermost loop, `#define` or template.
    Break,
    Stop,
}

/// Renders a whole template.
pub(crate) fn template(block: &Block, context: &mut Context) -> Result<String, RenderError> {
    let mut out = String::new();
    context.depth = 0;
    context.block_depth = 0;
    render(block, context, &mut out)?;
    Ok(out)
}

/// Renders a text in double quotes.
pub(crate) fn interpolate(block: &Block, context: &mut Context) -> Result<String, RenderError> {
    let mut out = String::new();
    render(block, context, &mut out)?;
    Ok(out)
}

fn render(block: &Block, context: &mut Context, out: &mut String) -> Result<Flow, RenderError> {
    context.depth += 1;
    if context.depth > MAX_DEPTH {
        return Err(RenderError::Limit("nesting"));
    }
    let mut flow = Flow::Continue;
    for node in &block.0 {
        context.step()?;
        flow = render_node(node, context, out)?;
        if out.len() > context.limits.text {
            return Err(RenderError::Limit("text"));
        }
        if flow != Flow::Continue {
            break;
        }
    }
    context.depth -= 1;
    Ok(flow)
}

fn render_node(node: &Node, context: &mut Context, out: &mut String) -> Result<Flow, RenderError> {
    match node {
        Node::Text(text) => out.push_str(text),
        Node::Reference(reference) => return render_reference(reference, context, out),
        Node::Set(reference, expression) => {
            // Java's null leaves what was there; only an operator gives it, since references never do.
            if let Some(value) = context.evaluate(expression)? {
                context.assign(reference, value)?;
            }
        }
        Node::If(branches, otherwise) => {
            for (condition, block) in branches {
                if context.is_true(condition)? {
                    return render(block, context, out);
                }
            }
            if let Some(block) = otherwise {
                return render(block, context, out);
            }
        }
        Node::Foreach { variable, over, body } => return foreach(variable, over, body, context, out),
        Node::Define(name, block) => context.set(name, Value::Block(DefinedBlock(block.clone()))),
        Node::Break => return Ok(Flow::Break),
        Node::Stop => return Ok(Flow::Stop),
    }
    Ok(Flow::Continue)
}

fn render_reference(
    reference: &Reference,
    context: &mut Context,
    out: &mut String,
) -> Result<Flow, RenderError> {
    for _ in 0..reference.backslashes / 2 {
        out.push('\\');
    }
    if reference.backslashes % 2 == 1 {
        out.push_str(&reference.source);
        return Ok(Flow::Continue);
    }
    let value = context.reference(reference)?;
    match value {
        Value::Block(block) => render_block(&block, context, out),
        other => {
            print::write(&context.heap, &other, out);
            Ok(Flow::Continue)
        }
    }
}

/// Renders what `#define` named. `#break` inside ends it alone.
fn render_block(block: &DefinedBlock, context: &mut Context, out: &mut String) -> Result<Flow, RenderError> {
    if context.block_depth >= MAX_BLOCK_DEPTH {
        return Ok(Flow::Continue);
    }
    context.block_depth += 1;
    let flow = render(&block.0, context, out)?;
    context.block_depth -= 1;
    Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Continue })
}

/// The text of a block used as a value.
pub(crate) fn block_text(block: &DefinedBlock, context: &mut Context) -> Result<String, RenderError> {
    let mut out = String::new();
    render_block(block, context, &mut out)?;
    Ok(out)
}

/// What a loop goes over. A range is never made into a list: it may be long, and left early.
enum Source {
    Items(Vec<Value>),
    Range { from: i128, step: i128, count: usize },
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Items(items) => items.len(),
            Self::Range { count, .. } => *count,
        }
    }

    fn item(&self, index: usize) -> Value {
        match self {
            Self::Items(items) => items[index].clone(),
            Self::Range { from, step, .. } => {
                Value::Integer(from + step * i128::try_from(index).unwrap_or(0))
            }
        }
    }
}

fn source(over: &Expression, context: &mut Context) -> Result<Option<Source>, RenderError> {
    if let Expression::Range(from, to) = over {
        let Some((from, to)) = context.bounds(from, to)? else { return Ok(None) };
        let count = usize::try_from((to - from).unsigned_abs()).unwrap_or(usize::MAX).saturating_add(1);
        return Ok(Some(Source::Range { from, step: if to < from { -1 } else { 1 }, count }));
    }
    let items = match context.evaluate(over)? {
        Some(Value::List(id)) => context.heap.items(id).to_vec(),
        Some(Value::Map(id)) => context.heap.entries(id).map(|(_, value)| value.clone()).collect(),
        Some(Value::Iterator(id)) => {
            let cursor = &mut context.heap.iterators[id];
            let rest = cursor.items.split_off(cursor.next.min(cursor.items.len()));
            cursor.next = cursor.items.len();
            rest
        }
        _ => return Ok(None),
    };
    context.heap.charge(items.len())?;
    Ok(Some(Source::Items(items)))
}

fn foreach(
    variable: &str,
    over: &Expression,
    body: &Block,
    context: &mut Context,
    out: &mut String,
) -> Result<Flow, RenderError> {
    let Some(source) = source(over, context)? else { return Ok(Flow::Continue) };
    let names = [variable, "foreach", "velocityCount", "velocityHasNext"];
    let before = names.map(|name| context.get(name).cloned());
    let parent = match &before[1] {
        Some(Value::Loop(id)) => Some(*id),
        _ => None,
    };
    let id = context.loops.len();
    context.loops.push(LoopState { index: 0, has_next: false, parent });
    let rounds = source.len().min(context.limits.rounds);
    let mut flow = Flow::Continue;
    for index in 0..rounds {
        context.step()?;
        let has_next = index + 1 < source.len();
        let state = &mut context.loops[id];
        (state.index, state.has_next) = (index, has_next);
        context.set(variable, source.item(index));
        context.set("foreach", Value::Loop(id));
        context.set("velocityCount", Value::Integer(i128::try_from(index + 1).unwrap_or(i128::MAX)));
        context.set("velocityHasNext", Value::Boolean(has_next));
        flow = render(body, context, out)?;
        if flow != Flow::Continue {
            break;
        }
    }
    context.loops.truncate(id);
    for (name, value) in names.into_iter().zip(before) {
        context.restore(name, value);
    }
    Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Continue })
}
