//! Examples of what a model describes, as GetModelTemplate gives them: of REST APIs a mapping template over lines, of
//! WebSocket APIs one line.

use serde_json::{Map, Value};

/// Schemas that refer to each other are followed this far.
const MOST_DEPTH: usize = 8;

/// How an example is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Template,
    Line,
}

struct Sampler<'m> {
    layout: Layout,
    /// The schema of the model of that name.
    model: &'m dyn Fn(&str) -> Option<Value>,
    text: String,
}

/// A mapping template that writes what the schema describes, with examples for values.
pub(crate) fn template(schema: &Value, model: &dyn Fn(&str) -> Option<Value>) -> String {
    let text = String::from("#set($inputRoot = $input.path('$'))\n");
    let mut sampler = Sampler { layout: Layout::Template, model, text };
    sampler.write(schema, "$inputRoot", 0);
    sampler.text
}

/// An example of what the schema describes.
pub(crate) fn line(schema: &Value) -> String {
    let mut sampler = Sampler { layout: Layout::Line, model: &|_| None, text: String::new() };
    sampler.write(schema, "", 0);
    sampler.text
}

impl Sampler<'_> {
    fn write(&mut self, schema: &Value, root: &str, depth: usize) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next()) {
            let other = if depth < MOST_DEPTH { (self.model)(name) } else { None };
            return self.write(&other.unwrap_or(Value::Null), root, depth + 1);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("array") => self.array(schema.get("items").unwrap_or(&Value::Null), root, depth),
            Some("object") => {
                self.object(schema.get("properties").and_then(Value::as_object), root, depth);
            }
            Some("integer") => self.text.push_str("42"),
            Some("number") => self.text.push_str("3.14"),
            Some("boolean") => self.text.push_str("true"),
            Some("null") => self.text.push_str("null"),
            _ => self.text.push_str("\"foo\""),
        }
    }

    fn array(&mut self, items: &Value, root: &str, depth: usize) {
        if self.layout == Layout::Line {
            self.text.push_str("[ ");
            self.write(items, root, depth + 1);
            self.text.push_str(" ]");
            return;
        }
        let indent = "  ".repeat(depth);
        let element = format!("$elem{}", if depth == 0 { String::new() } else { depth.to_string() });
        self.text.push_str(&format!(
            "[\n##TODO: Update this foreach loop to reference array from input json\n#foreach({element} in {root})\n \
             {indent} "
        ));
        self.write(items, &element, depth + 1);
        self.text.push_str("#if($foreach.hasNext),#end\n#end\n]");
    }

    fn object(&mut self, properties: Option<&Map<String, Value>>, root: &str, depth: usize) {
        let (open, indent, between, close) = match self.layout {
            Layout::Template => ("{\n", "  ".repeat(depth + 1), ",\n", format!("{}}}", "  ".repeat(depth))),
            Layout::Line => ("{ ", String::new(), ", ", String::from("}")),
        };
        self.text.push_str(open);
        for (at, (name, property)) in properties.into_iter().flatten().enumerate() {
            if at > 0 {
                self.text.push_str(between);
            }
            self.text.push_str(&format!("{indent}{} : ", Value::from(name.as_str())));
            self.write(property, root, depth + 1);
        }
        if properties.is_some_and(|properties| !properties.is_empty()) {
            self.text.push(if self.layout == Layout::Template { '\n' } else { ' ' });
        }
        self.text.push_str(&close);
    }
}
