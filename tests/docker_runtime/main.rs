//! The Docker room against a real engine: the one that the environment names or a usual socket has.

#[cfg(test)]
mod containers;
#[cfg(test)]
mod look;
#[cfg(test)]
mod output;
#[cfg(test)]
mod pulling;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod sandbox;
