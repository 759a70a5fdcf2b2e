//! The tree of an HTML page as html5ever's tree builder makes it, with the form that the parser gives each control.
//!
//! A control belongs to the form that was open when the parser met it, which need not be above it in the tree: in
//! `<table><form><tr><td><input>` the form element is empty. Only the tree builder has the association.

use std::{
    borrow::Cow,
    cell::{Ref, RefCell},
};

use html5ever::{
    Attribute, ParseOpts, QualName, ns, parse_document,
    tendril::{StrTendril, TendrilSink},
    tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink},
};

/// A place in the tree.
pub type Id = usize;

/// The document, as the root of its tree.
const ROOT: Id = 0;

/// A page, parsed.
#[derive(Default)]
pub struct Dom {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    parent: Option<Id>,
    first_child: Option<Id>,
    last_child: Option<Id>,
    previous: Option<Id>,
    next: Option<Id>,
    content: Content,
    /// The form that the parser associated the element with.
    form: Option<Id>,
}

#[derive(Default)]
enum Content {
    /// The document itself, a comment, a doctype.
    #[default]
    Nothing,
    Text(String),
    Element {
        name: QualName,
        attributes: Vec<Attribute>,
        /// Where the content of a `template` is, which is no part of the page.
        template: Option<Id>,
    },
}

impl Dom {
    /// Parses `html` as a browser without scripts does, so that what is in `noscript` counts.
    pub fn parse(html: &str) -> Self {
        let options = ParseOpts {
            tree_builder: TreeBuilderOpts {
                scripting_enabled: false,
                ..TreeBuilderOpts::default()
            },
            ..ParseOpts::default()
        };
        let dom = Self {
            nodes: vec![Node::default()],
        };
        parse_document(Sink(RefCell::new(dom)), options).one(html)
    }

    /// All elements of the page, in its order.
    pub fn elements(&self) -> impl Iterator<Item = Id> {
        self.below(ROOT).filter(|id| self.name(*id).is_some())
    }

    /// The first element of that name.
    pub fn first(&self, name: &str) -> Option<Id> {
        self.elements().find(|id| self.is(*id, name))
    }

    /// All places below `top`, in the order of the page.
    pub fn below(&self, top: Id) -> impl Iterator<Item = Id> {
        let mut next = self.nodes[top].first_child;
        std::iter::from_fn(move || {
            let here = next?;
            let node = &self.nodes[here];
            next = node.first_child.or(node.next).or_else(|| {
                let mut above = self.ancestors(here).take_while(|id| *id != top);
                above.find_map(|id| self.nodes[id].next)
            });
            Some(here)
        })
    }

    /// The places above one, the nearest first.
    pub fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.nodes[id].parent, |id| self.nodes[*id].parent)
    }

    /// The children of a place, in their order.
    pub fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.nodes[id].first_child, |id| self.nodes[*id].next)
    }

    /// The name of an HTML element; `None` of anything else.
    pub fn name(&self, id: Id) -> Option<&str> {
        match &self.nodes[id].content {
            Content::Element { name, .. } if name.ns == ns!(html) => Some(&name.local),
            _ => None,
        }
    }

    /// Whether it is the HTML element of that name.
    pub fn is(&self, id: Id, name: &str) -> bool {
        self.name(id) == Some(name)
    }

    /// The value of an element's attribute.
    pub fn attribute(&self, id: Id, name: &str) -> Option<&str> {
        let Content::Element { attributes, .. } = &self.nodes[id].content else {
            return None;
        };
        let mut found = attributes
            .iter()
            .filter(|attribute| attribute.name.ns == ns!() && &*attribute.name.local == name);
        found.next().map(|attribute| &*attribute.value)
    }

    /// Whether an element has an attribute, whatever its value.
    pub fn has(&self, id: Id, name: &str) -> bool {
        self.attribute(id, name).is_some()
    }

    /// The text below a place, without that of `skipped` elements.
    pub fn text(&self, id: Id, skipped: &[&str]) -> String {
        let texts = self.below(id).filter_map(|below| {
            let Content::Text(text) = &self.nodes[below].content else {
                return None;
            };
            let mut above = self.ancestors(below).take_while(|above| *above != id);
            let hidden = !skipped.is_empty()
                && above.any(|above| self.name(above).is_some_and(|name| skipped.contains(&name)));
            (!hidden).then_some(text.as_str())
        });
        texts.collect()
    }

    /// The form that an element belongs to: the one that its `form` attribute names, else the parser's, else the
    /// nearest one above.
    pub fn owner(&self, id: Id) -> Option<Id> {
        if let Some(wanted) = self.attribute(id, "form") {
            let named = |other: &Id| self.attribute(*other, "id") == Some(wanted);
            let named = self.elements().find(named).filter(|_| !wanted.is_empty());
            return named.filter(|named| self.is(*named, "form"));
        }
        let associated = self.nodes[id].form;
        associated.or_else(|| self.ancestors(id).find(|above| self.is(*above, "form")))
    }

    fn add(&mut self, content: Content) -> Id {
        self.nodes.push(Node {
            content,
            ..Node::default()
        });
        self.nodes.len() - 1
    }

    fn detach(&mut self, id: Id) {
        let Node {
            parent,
            previous,
            next,
            ..
        } = self.nodes[id];
        if let Some(previous) = previous {
            self.nodes[previous].next = next;
        } else if let Some(parent) = parent {
            self.nodes[parent].first_child = next;
        }
        if let Some(next) = next {
            self.nodes[next].previous = previous;
        } else if let Some(parent) = parent {
            self.nodes[parent].last_child = previous;
        }
        let node = &mut self.nodes[id];
        (node.parent, node.previous, node.next) = (None, None, None);
    }

    /// Puts a detached node below `parent`, in front of `next` or, without one, last.
    fn insert(&mut self, parent: Id, id: Id, next: Option<Id>) {
        let previous = match next {
            Some(next) => self.nodes[next].previous,
            None => self.nodes[parent].last_child,
        };
        match previous {
            Some(previous) => self.nodes[previous].next = Some(id),
            None => self.nodes[parent].first_child = Some(id),
        }
        match next {
            Some(next) => self.nodes[next].previous = Some(id),
            None => self.nodes[parent].last_child = Some(id),
        }
        let node = &mut self.nodes[id];
        (node.parent, node.previous, node.next) = (Some(parent), previous, next);
    }

    fn put(&mut self, parent: Id, child: NodeOrText<Id>, next: Option<Id>) {
        let id = match child {
            NodeOrText::AppendNode(id) => {
                self.detach(id);
                id
            }
            NodeOrText::AppendText(more) => {
                let before = match next {
                    Some(next) => self.nodes[next].previous,
                    None => self.nodes[parent].last_child,
                };
                let before = before.map(|before| &mut self.nodes[before].content);
                if let Some(Content::Text(text)) = before {
                    text.push_str(&more);
                    return;
                }
                self.add(Content::Text(more.to_string()))
            }
        };
        self.insert(parent, id, next);
    }
}

/// What html5ever builds the tree with.
struct Sink(RefCell<Dom>);

impl TreeSink for Sink {
    type Handle = Id;
    type Output = Dom;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Dom {
        self.0.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Id {
        ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a Id) -> Self::ElemName<'a> {
        Ref::map(self.0.borrow(), |dom| match &dom.nodes[*target].content {
            Content::Element { name, .. } => name,
            _ => unreachable!("the tree builder asks for names of elements alone"),
        })
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> Id {
        let mut dom = self.0.borrow_mut();
        let template = flags.template.then(|| dom.add(Content::Nothing));
        dom.add(Content::Element {
            name,
            attributes,
            template,
        })
    }

    fn create_comment(&self, _: StrTendril) -> Id {
        self.0.borrow_mut().add(Content::Nothing)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Id {
        self.0.borrow_mut().add(Content::Nothing)
    }

    fn append(&self, parent: &Id, child: NodeOrText<Id>) {
        self.0.borrow_mut().put(*parent, child, None);
    }

    fn append_based_on_parent_node(&self, element: &Id, previous: &Id, child: NodeOrText<Id>) {
        let has_parent = self.0.borrow().nodes[*element].parent.is_some();
        match has_parent {
            true => self.append_before_sibling(element, child),
            false => self.append(previous, child),
        }
    }

    fn append_before_sibling(&self, sibling: &Id, child: NodeOrText<Id>) {
        let mut dom = self.0.borrow_mut();
        if let Some(parent) = dom.nodes[*sibling].parent {
            dom.put(parent, child, Some(*sibling));
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &Id) -> Id {
        match &self.0.borrow().nodes[*target].content {
            Content::Element {
                template: Some(content),
                ..
            } => *content,
            _ => *target,
        }
    }

    fn same_node(&self, one: &Id, other: &Id) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &Id, more: Vec<Attribute>) {
        let mut dom = self.0.borrow_mut();
        if let Content::Element { attributes, .. } = &mut dom.nodes[*target].content {
            for attribute in more {
                if !attributes.iter().any(|known| known.name == attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn associate_with_form(&self, target: &Id, form: &Id, _: (&Id, Option<&Id>)) {
        self.0.borrow_mut().nodes[*target].form = Some(*form);
    }

    fn remove_from_parent(&self, target: &Id) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &Id, new_parent: &Id) {
        let mut dom = self.0.borrow_mut();
        while let Some(child) = dom.nodes[*node].first_child {
            dom.detach(child);
            dom.insert(*new_parent, child, None);
        }
    }
}
