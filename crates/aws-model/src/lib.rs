//! AWS's published service models, stripped of prose.
