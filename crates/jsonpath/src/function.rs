//! The functions at the end of a path: `length()`, `sum()`, `concat()` and their like.

use std::fmt;

use serde_json::{Number, Value};

use crate::{
    error::PathError,
    evaluate::Evaluator,
    lenient_json,
    token::{Path, Token},
};

/// One function call.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub name: String,
    arguments: Vec<Argument>,
    /// Whether the path was written with arguments; `$..a.length()`, whose path became one, still prints `length()`.
    shows_arguments: bool,
}

/// One argument of a call.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A JSON text, or why it is none; that is said when it is used.
    Json(Result<Value, String>),
    /// A path over the whole document.
    Path(Path),
}

impl Argument {
    pub fn json(text: &str) -> Self {
        Self::Json(lenient_json::parse(text))
    }

    fn value(&self, evaluator: &Evaluator<'_>) -> Result<Value, PathError> {
        match self {
            Self::Json(parsed) => parsed.clone().map_err(PathError::Evaluation),
            Self::Path(path) => evaluator.value_at_root(path),
        }
    }
}

impl Function {
    pub fn new(name: String, arguments: Vec<Argument>) -> Self {
        let shows_arguments = !arguments.is_empty();
        let mut function = Self { name, arguments, shows_arguments };
        function.count_children();
        function
    }

    /// Makes `path` the only argument.
    pub fn take_path(&mut self, path: Path) {
        self.arguments = vec![Argument::Path(path)];
        self.count_children();
    }

    /// `length($.a)` counts what is inside `$.a`, so its argument is asked for all children.
    fn count_children(&mut self) {
        if !matches!(self.name.as_str(), "length" | "size") {
            return;
        }
        if let Some(Argument::Path(path)) = self.arguments.first_mut()
            && !path.is_function()
            && !path.tokens.is_empty()
        {
            let mut tokens = std::mem::take(&mut path.tokens);
            tokens.push(Token::Wildcard);
            *path = Path::new(path.root, tokens);
        }
    }

    /// The value of the function over `model`.
    pub fn invoke(&self, model: &Value, evaluator: &Evaluator<'_>) -> Result<Value, PathError> {
        match self.name.as_str() {
            "min" => {
                self.aggregate(model, evaluator, |numbers| numbers.iter().copied().fold(f64::MAX, f64::min))
            }
            "max" => {
                self.aggregate(model, evaluator, |numbers| numbers.iter().copied().fold(-f64::MAX, f64::max))
            }
            "sum" => self.aggregate(model, evaluator, |numbers| numbers.iter().sum()),
            "avg" => self.aggregate(model, evaluator, |numbers| numbers.iter().sum::<f64>() / count(numbers)),
            "stddev" => self.aggregate(model, evaluator, standard_deviation),
            "length" | "size" => self.length(model, evaluator),
            "concat" => self.concat(model, evaluator),
            "append" => self.append(model, evaluator),
            "keys" => Ok(match model {
                Value::Object(members) => members.keys().cloned().map(Value::String).collect(),
                _ => Value::Null,
            }),
            "first" => sequence(model, 0),
            "last" => sequence(model, -1),
            "index" => {
                let numbers = self.numbers(evaluator)?;
                let first = numbers.first().ok_or_else(|| out_of_bounds(0, 0))?;
                #[expect(clippy::cast_possible_truncation, reason = "Java's intValue saturates just so")]
                sequence(model, *first as i32)
            }
            name => Err(PathError::InvalidPath(format!("Function with name: {name} does not exist."))),
        }
    }

    fn aggregate(
        &self,
        model: &Value,
        evaluator: &Evaluator<'_>,
        combine: impl Fn(&[f64]) -> f64,
    ) -> Result<Value, PathError> {
        let mut numbers: Vec<f64> = match model {
            Value::Array(elements) => elements.iter().filter_map(Value::as_f64).collect(),
            _ => Vec::new(),
        };
        numbers.extend(self.numbers(evaluator)?);
        if numbers.is_empty() {
            return Err(empty_aggregation());
        }
        Ok(Number::from_f64(combine(&numbers)).map_or(Value::Null, Value::Number))
    }

    /// All numbers among the arguments, and in the arrays among them.
    fn numbers(&self, evaluator: &Evaluator<'_>) -> Result<Vec<f64>, PathError> {
        let mut numbers = Vec::new();
        for argument in &self.arguments {
            match argument.value(evaluator)? {
                Value::Array(elements) => numbers.extend(elements.iter().filter_map(Value::as_f64)),
                other => numbers.extend(other.as_f64()),
            }
        }
        Ok(numbers)
    }

    fn length(&self, model: &Value, evaluator: &Evaluator<'_>) -> Result<Value, PathError> {
        match self.arguments.first() {
            Some(Argument::Path(path)) => {
                if let Value::Array(elements) = evaluator.value_of(path, model)? {
                    return Ok(elements.len().into());
                }
            }
            Some(Argument::Json(_)) => {
                return Err(PathError::Evaluation(String::from("length() takes a path")));
            }
            None => {}
        }
        Ok(match model {
            Value::Array(elements) => elements.len().into(),
            Value::Object(members) => members.len().into(),
            _ => Value::Null,
        })
    }

    fn concat(&self, model: &Value, evaluator: &Evaluator<'_>) -> Result<Value, PathError> {
        let mut text = String::new();
        if let Value::Array(elements) = model {
            elements.iter().filter_map(Value::as_str).for_each(|part| text.push_str(part));
        }
        for argument in &self.arguments {
            match argument.value(evaluator)? {
                Value::Array(elements) => {
                    for element in elements.iter().filter(|element| !element.is_null()) {
                        match element {
                            Value::String(part) => text.push_str(part),
                            other => text.push_str(&other.to_string()),
                        }
                    }
                }
                Value::String(part) => text.push_str(&part),
                _ => {}
            }
        }
        Ok(Value::String(text))
    }

    fn append(&self, model: &Value, evaluator: &Evaluator<'_>) -> Result<Value, PathError> {
        let mut model = model.clone();
        if let Value::Array(elements) = &mut model {
            for argument in &self.arguments {
                elements.push(argument.value(evaluator)?);
            }
        }
        Ok(model)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".{}{}", self.name, if self.shows_arguments { "(...)" } else { "()" })
    }
}

fn empty_aggregation() -> PathError {
    PathError::Evaluation(String::from("Aggregation function attempted to calculate value using empty array"))
}

fn out_of_bounds(index: i32, length: usize) -> PathError {
    PathError::IndexOutOfBounds(format!("Index {index} out of bounds for length {length}"))
}

/// `first()`, `last()` and `index(n)`. Counting from the end never reaches the first element: Jayway's own test for
/// that is `> 0`.
fn sequence(model: &Value, target: i32) -> Result<Value, PathError> {
    let Value::Array(elements) = model else { return Err(empty_aggregation()) };
    if let Ok(index) = usize::try_from(target) {
        return elements.get(index).cloned().ok_or_else(|| out_of_bounds(target, elements.len()));
    }
    let from_end = usize::try_from(target.unsigned_abs()).unwrap_or(usize::MAX);
    match elements.len().checked_sub(from_end) {
        Some(index) if index > 0 => Ok(elements[index].clone()),
        _ => Err(PathError::Evaluation(format!(
            "Target index:{target} larger than object count:{}",
            elements.len()
        ))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Java counts in doubles too")]
fn count(numbers: &[f64]) -> f64 {
    numbers.len() as f64
}

fn standard_deviation(numbers: &[f64]) -> f64 {
    let mean = numbers.iter().sum::<f64>() / count(numbers);
    let squares: f64 = numbers.iter().map(|number| number * number).sum();
    (squares / count(numbers) - mean * mean).sqrt()
}
