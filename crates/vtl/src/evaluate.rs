//! Expressions and references.

use std::sync::Arc;

use crate::{
    arithmetic,
    ast::{Comparison, Expression, Part, Reference},
    context::Context,
    error::RenderError,
    methods, print, render,
    value::{Key, Value},
};

/// Items of a range that is made into a list.
const MAX_RANGE: u128 = 100_000;
/// Expressions within each other at run time.
const MAX_DEPTH: usize = 256;

impl Context {
    /// The value of an expression; `None` is Java's null, which only operators give.
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Option<Value>, RenderError> {
        self.step()?;
        Ok(Some(match expression {
            Expression::Boolean(value) => Value::Boolean(*value),
            Expression::Integer(number) => Value::Integer(*number),
            Expression::Double(number) => Value::Double(*number),
            Expression::Text(text) => Value::Text(Arc::clone(text)),
            Expression::Interpolated(block) => {
                let text = render::interpolate(block, self)?;
                self.text(text)?
            }
            Expression::List(items) => {
                let items = items.iter().map(|item| self.operand(item)).collect::<Result<_, _>>()?;
                self.heap.list(items)?
            }
            Expression::Range(from, to) => return self.range(from, to),
            Expression::Map(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.operand(key)?;
                    let value = self.operand(value)?;
                    map.push((self.heap.key(&key), value));
                }
                self.heap.map(map)?
            }
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::Not(_) | Expression::And(..) | Expression::Or(..) | Expression::Compare(..) => {
                Value::Boolean(self.is_true(expression)?)
            }
            Expression::Arithmetic(operator, left, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                return match arithmetic::apply(&self.heap, *operator, left.as_ref(), right.as_ref()) {
                    Some(Value::Text(text)) => self.text(text.to_string()).map(Some),
                    other => Ok(other),
                };
            }
        }))
    }

    fn operand(&mut self, expression: &Expression) -> Result<Value, RenderError> {
        Ok(self.evaluate(expression)?.unwrap_or(Value::Null))
    }

    /// Both ends of a range, if both are whole numbers.
    pub(crate) fn bounds(
        &mut self,
        from: &Expression,
        to: &Expression,
    ) -> Result<Option<(i128, i128)>, RenderError> {
        let integer = |value: Value| match value {
            Value::Integer(number) => i64::try_from(number).ok().map(i128::from),
            #[expect(clippy::cast_possible_truncation, reason = "Java's intValue truncates")]
            Value::Double(number) => Some(number as i128),
            _ => None,
        };
        let from = integer(self.operand(from)?);
        let to = integer(self.operand(to)?);
        Ok(from.zip(to))
    }

    fn range(&mut self, from: &Expression, to: &Expression) -> Result<Option<Value>, RenderError> {
        let Some((from, to)) = self.bounds(from, to)? else { return Ok(None) };
        if (to - from).unsigned_abs() >= MAX_RANGE {
            return Err(RenderError::Limit("values"));
        }
        let items: Vec<Value> = if from <= to {
            (from..=to).map(Value::Integer).collect()
        } else {
            (to..=from).rev().map(Value::Integer).collect()
        };
        self.heap.list(items).map(Some)
    }

    /// Whether an expression holds. A literal other than `true` does not, be it `1` or `"x"`; a reference does, unless
    /// it is `false`.
    pub(crate) fn is_true(&mut self, expression: &Expression) -> Result<bool, RenderError> {
        self.step()?;
        Ok(match expression {
            Expression::Boolean(value) => *value,
            Expression::Reference(reference) => !matches!(self.reference(reference)?, Value::Boolean(false)),
            Expression::Not(inner) => !self.is_true(inner)?,
            Expression::And(left, right) => self.is_true(left)? && self.is_true(right)?,
            Expression::Or(left, right) => self.is_true(left)? || self.is_true(right)?,
            Expression::Compare(comparison, left, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                self.compare(*comparison, left, right)?
            }
            Expression::Arithmetic(..) => {
                self.evaluate(expression)?;
                false
            }
            Expression::Integer(_)
            | Expression::Double(_)
            | Expression::Text(_)
            | Expression::Interpolated(_)
            | Expression::List(_)
            | Expression::Range(..)
            | Expression::Map(_) => false,
        })
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        left: Option<Value>,
        right: Option<Value>,
    ) -> Result<bool, RenderError> {
        use std::cmp::Ordering::{Equal, Greater, Less};

        let order = match (&left, &right) {
            (Some(left), Some(right)) => arithmetic::compare(left, right),
            _ => None,
        };
        Ok(match comparison {
            Comparison::Equal => self.are_equal(left, right)?,
            Comparison::NotEqual => !self.are_equal(left, right)?,
            Comparison::Less => order == Some(Less),
            Comparison::LessOrEqual => matches!(order, Some(Less | Equal)),
            Comparison::Greater => order == Some(Greater),
            Comparison::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        })
    }

    fn are_equal(&mut self, left: Option<Value>, right: Option<Value>) -> Result<bool, RenderError> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
        let left = self.settle(left)?;
        let right = self.settle(right)?;
        Ok(methods::are_equal(&self.heap, &left, &right))
    }

    /// A value to work with: a `#define` becomes its text.
    pub(crate) fn settle(&mut self, value: Value) -> Result<Value, RenderError> {
        match value {
            Value::Block(block) => {
                let text = render::block_text(&block, self)?;
                self.text(text)
            }
            other => Ok(other),
        }
    }

    /// The value of a reference. API Gateway has none that are null: what is undefined anywhere on the way is an empty
    /// text (`fixtures/vtl/README.md`, rules 1 and 2).
    pub(crate) fn reference(&mut self, reference: &Reference) -> Result<Value, RenderError> {
        let Some(mut value) = self.get(&reference.name).cloned() else { return Ok(empty()) };
        for part in &reference.parts {
            value = match self.part(value, part)? {
                Some(next) => next,
                None => return Ok(empty()),
            };
        }
        Ok(if matches!(value, Value::Null) { empty() } else { value })
    }

    fn part(&mut self, value: Value, part: &Part) -> Result<Option<Value>, RenderError> {
        self.step()?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(RenderError::Limit("nesting"));
        }
        let result = match part {
            Part::Property(name) => self.property(&value, name),
            Part::Index(index) => {
                let index = self.operand(index)?;
                let index = self.settle(index)?;
                methods::index(self, &value, &index)
            }
            Part::Method(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let argument = self.operand(argument)?;
                    values.push(self.settle(argument)?);
                }
                let value = self.settle(value)?;
                methods::call(self, &value, name, &values)
            }
        };
        self.depth -= 1;
        result
    }

    fn property(&mut self, value: &Value, name: &str) -> Result<Option<Value>, RenderError> {
        match value {
            Value::Map(id) => Ok(self.heap.get(*id, name).cloned()),
            Value::Host(host) => host.clone().property(&mut self.heap, name),
            Value::Loop(id) => Ok(self.loop_property(*id, name)),
            Value::Entry(entry) => Ok(match name {
                "key" => Some(entry.0.value()),
                "value" => Some(entry.1.clone()),
                _ => None,
            }),
            Value::Text(_) | Value::List(_) if name == "empty" => methods::call(self, value, "isEmpty", &[]),
            Value::Text(_) if name == "bytes" => Ok(None),
            _ => Ok(None),
        }
    }

    fn loop_property(&self, id: usize, name: &str) -> Option<Value> {
        let state = self.loops.get(id)?;
        let integer = |number: usize| Value::Integer(i128::try_from(number).unwrap_or(i128::MAX));
        Some(match name {
            "index" => integer(state.index),
            "count" => integer(state.index + 1),
            "hasNext" => Value::Boolean(state.has_next),
            "first" => Value::Boolean(state.index == 0),
            "last" => Value::Boolean(!state.has_next),
            "parent" => Value::Loop(state.parent?),
            "topmost" => {
                let mut top = id;
                while let Some(parent) = self.loops.get(top).and_then(|state| state.parent) {
                    top = parent;
                }
                Value::Loop(top)
            }
            _ => return None,
        })
    }

    /// `#set`: a variable, a property of a map, or an element.
    pub(crate) fn assign(&mut self, reference: &Reference, value: Value) -> Result<(), RenderError> {
        let Some((last, before)) = reference.parts.split_last() else {
            self.set(&reference.name, value);
            return Ok(());
        };
        let Some(mut target) = self.get(&reference.name).cloned() else { return Ok(()) };
        for part in before {
            match self.part(target, part)? {
                Some(next) => target = next,
                None => return Ok(()),
            }
        }
        match (last, target) {
            (Part::Property(name), Value::Map(id)) => {
                self.heap.put(id, Key::from(name.as_str()), value)?;
            }
            (Part::Index(index), Value::Map(id)) => {
                let key = self.operand(index)?;
                let key = self.settle(key)?;
                self.heap.put(id, self.heap.key(&key), value)?;
            }
            (Part::Index(index), list @ Value::List(_)) => {
                let index = self.operand(index)?;
                methods::call(self, &list, "set", &[index, value])?;
            }
            // Java finds no setter, logs that and goes on.
            _ => {}
        }
        Ok(())
    }

    /// What a value prints, blocks included.
    pub(crate) fn print(&mut self, value: &Value) -> Result<String, RenderError> {
        match value {
            Value::Block(block) => render::block_text(&block.clone(), self),
            other => Ok(print::text(&self.heap, other)),
        }
    }
}

fn empty() -> Value {
    Value::Text("".into())
}
