"""What happened while somebody was away: news since the last look at the board, and the handover of a shift."""
