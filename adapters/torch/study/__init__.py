"""What a converted model does with real inputs: ranges, reports, recordings, tables."""
