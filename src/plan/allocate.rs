//! Host ports: (wanted, remembered, taken) -> chosen.
