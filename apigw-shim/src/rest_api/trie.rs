//! Paths with variables, as a tree by their parts.

use std::collections::HashMap;

use proxy_events::decode;

/// A tree of paths, each leading to a value.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<String, Node<T>>,
    variable: Option<Box<Node<T>>>,
    /// The value of a path that ends here, and the names of its variables.
    value: Option<(T, Vec<String>)>,
    /// The value of a path that goes on behind here as `{name+}`.
    greedy: Option<(T, Vec<String>)>,
}

/// A path found, and its variables' values.
pub(crate) struct Found<'t, T> {
    pub value: &'t T,
    pub parameters: Vec<(String, String)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: HashMap::new(), variable: None, value: None, greedy: None }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

fn parts(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() { Vec::new() } else { path.split('/').collect() }
}

impl<T> Trie<T> {
    /// The place of a path, made if there is none yet.
    pub fn entry(&mut self, path: &str) -> &mut Option<(T, Vec<String>)> {
        let mut node = &mut self.root;
        for part in parts(path) {
            let name = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            node = match name {
                Some(name) if name.ends_with('+') => return &mut node.greedy,
                Some(_) => node.variable.get_or_insert_default(),
                None => node.literals.entry(decode(part)).or_default(),
            };
        }
        &mut node.value
    }

    /// Adds a path.
    pub fn insert(&mut self, path: &str, value: T) {
        let names = names(path);
        *self.entry(path) = Some((value, names));
    }

    /// The most specific path that matches and that `accepts` takes: literal parts before variables, variables before
    /// greedy ones. Each place of the tree is looked at once at most.
    pub fn find(&self, path: &str, accepts: impl Fn(&T) -> bool) -> Option<Found<'_, T>> {
        let parts = parts(path);
        let mut values = Vec::new();
        let (value, names) = search(&self.root, &parts, &mut values, &accepts)?;
        let parameters = names.iter().cloned().zip(values).collect();
        Some(Found { value, parameters })
    }
}

/// The names of a path's variables, in their order.
pub(crate) fn names(path: &str) -> Vec<String> {
    let name = |part: &&str| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.strip_suffix('+').unwrap_or(name).to_owned())
    };
    parts(path).iter().filter_map(name).collect()
}

fn search<'t, T>(
    node: &'t Node<T>,
    parts: &[&str],
    values: &mut Vec<String>,
    accepts: &impl Fn(&T) -> bool,
) -> Option<&'t (T, Vec<String>)> {
    let Some((first, rest)) = parts.split_first() else {
        return node.value.as_ref().filter(|(value, _)| accepts(value));
    };
    let part = decode(first);
    if let Some(found) = node.literals.get(&part).and_then(|next| search(next, rest, values, accepts)) {
        return Some(found);
    }
    let depth = values.len();
    if let Some(next) = &node.variable
        && !part.is_empty()
    {
        values.push(part);
        if let Some(found) = search(next, rest, values, accepts) {
            return Some(found);
        }
        values.truncate(depth);
    }
    let found = node.greedy.as_ref().filter(|(value, _)| accepts(value))?;
    values.push(decode(&parts.join("/")));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(trie: &Trie<&'static str>, path: &str) -> Option<(&'static str, Vec<String>)> {
        let found = trie.find(path, |_| true)?;
        Some((
            found.value,
            found.parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
        ))
    }

    #[test]
    fn the_most_specific_path_wins() {
        let mut trie = Trie::default();
        for path in ["/", "/a", "/a/{id}", "/a/b", "/a/{id}/c", "/{proxy+}", "/a/b/{rest+}"] {
            trie.insert(path, path);
        }
        let plain = |path| Some((path, Vec::new()));
        assert_eq!(found(&trie, "/"), plain("/"));
        assert_eq!(found(&trie, "/a/"), plain("/a"));
        assert_eq!(found(&trie, "/a/b"), plain("/a/b"));
        assert_eq!(found(&trie, "/a/x%20y"), Some(("/a/{id}", vec![String::from("id=x y")])));
        assert_eq!(found(&trie, "/a/b/c"), Some(("/a/b/{rest+}", vec![String::from("rest=c")])));
        assert_eq!(found(&trie, "/a/x/c"), Some(("/a/{id}/c", vec![String::from("id=x")])));
        assert_eq!(found(&trie, "/a/x/d"), Some(("/{proxy+}", vec![String::from("proxy=a/x/d")])));
        assert_eq!(found(&Trie::default(), "/"), None);
    }

    #[test]
    fn what_is_not_accepted_leaves_room_for_the_less_specific() {
        let mut trie = Trie::default();
        trie.insert("/a", "GET");
        trie.insert("/{proxy+}", "ANY");
        assert_eq!(trie.find("/a", |value| *value == "ANY").map(|found| *found.value), Some("ANY"));
    }
}
