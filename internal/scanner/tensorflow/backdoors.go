package tensorflow

// backdoors looks for gates that the model's input switches.
func (j *judge) backdoors(f *flow) { _ = f }
