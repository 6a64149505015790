//! Label selectors. SEMANTICS, "Selectors".

use super::{List, Problem, Text};

/// A label: a key and a value, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label<'a> {
    /// The key, with its prefix: `app.kubernetes.io/name`.
    pub key: Text<'a>,
    /// The value.
    pub value: Text<'a>,
}

impl<'a> Label<'a> {
    /// The label `key=value`.
    #[must_use]
    pub fn new(key: impl Into<Text<'a>>, value: impl Into<Text<'a>>) -> Label<'a> {
        Label {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// A label selector: `matchLabels` and `matchExpressions`, all of which must
/// hold. The empty selector matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector<'a> {
    /// Labels that must be there with exactly these values; an empty value
    /// demands the key with an empty value.
    pub match_labels: List<'a, Label<'a>>,
    /// Further requirements.
    pub match_expressions: List<'a, Requirement<'a>>,
}

impl<'a> Selector<'a> {
    /// The selector `{}`: everything.
    pub const EVERYTHING: Selector<'a> = Selector {
        match_labels: List::EMPTY,
        match_expressions: List::EMPTY,
    };

    /// The selector that asks for some labels only.
    #[must_use]
    pub fn labels(labels: impl Into<List<'a, Label<'a>>>) -> Selector<'a> {
        Selector {
            match_labels: labels.into(),
            match_expressions: List::EMPTY,
        }
    }
}

/// Pods by the labels of their namespaces and their own.
///
/// `namespaces: S` of the cluster-scoped policies is `S` and everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodSelector<'a> {
    /// Which namespaces.
    pub namespaces: Selector<'a>,
    /// Which pods in them.
    pub pods: Selector<'a>,
}

/// How a requirement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The key is there, with one of the values.
    In,
    /// The key is absent, or has none of the values.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is absent.
    DoesNotExist,
}

impl Operator {
    /// The operator of that name in the API.
    ///
    /// # Errors
    /// [`Problem::UnknownOperator`].
    pub fn from_api(text: &str) -> Result<Operator, Problem> {
        match text {
            "In" => Ok(Operator::In),
            "NotIn" => Ok(Operator::NotIn),
            "Exists" => Ok(Operator::Exists),
            "DoesNotExist" => Ok(Operator::DoesNotExist),
            _ => Err(Problem::UnknownOperator),
        }
    }
}

/// One expression of `matchExpressions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement<'a> {
    key: Text<'a>,
    operator: Operator,
    values: List<'a, Text<'a>>,
}

impl<'a> Requirement<'a> {
    /// The requirement on one key.
    ///
    /// # Errors
    /// [`Problem::OperatorWithoutValues`] for `In` and `NotIn` without values,
    /// [`Problem::OperatorWithValues`] for `Exists` and `DoesNotExist` with some.
    pub fn new(
        key: impl Into<Text<'a>>,
        operator: Operator,
        values: impl Into<List<'a, Text<'a>>>,
    ) -> Result<Requirement<'a>, Problem> {
        let values = values.into();
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Err(Problem::OperatorWithoutValues)
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Err(Problem::OperatorWithValues)
            }
            _ => Ok(Requirement {
                key: key.into(),
                operator,
                values,
            }),
        }
    }

    /// The key that is looked at.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The comparison.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values; at least one for `In` and `NotIn`, none for the others.
    #[must_use]
    pub fn values(&self) -> &[Text<'a>] {
        &self.values
    }
}
