//! Which messages of a queue: flags that more than one subcommand has.

use clap::Args;

use super::{attribute::AttributeArg, values::parse_group};
use crate::{
    config::Span,
    types::{GroupId, MoveFilter},
};

/// Messages to which all of it applies.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only messages of this group
    #[arg(long, value_name = "ID", value_parser = parse_group)]
    group: Option<GroupId>,
    /// Only messages that were sent at least so long ago
    #[arg(long, value_name = "DURATION")]
    min_age: Option<Span>,
    /// Only messages that have this attribute, of this type and value
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Option<AttributeArg>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> MoveFilter {
        MoveFilter {
            group: self.group.clone(),
            age_min: self.min_age.map(|Span(millis)| millis),
            attribute: self.attribute.clone().map(|AttributeArg(attribute)| attribute),
        }
    }
}
