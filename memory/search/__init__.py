"""Search: a query becomes legs, legs are fused, what is left is read from the store. One file a stage."""
